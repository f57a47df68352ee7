/** The ledger's assets as Interledger names them: a code, and a scale (digits of the smallest unit). */
import { ASSETS, type Asset } from '../kernel/index.ts'

export interface IlpAsset {
  readonly code: string
  readonly scale: number
}

const CODES: Readonly<Record<Asset, string>> = {
  msat: 'BTC',
  usdc: 'USDC',
  wei: 'ETH',
  uakt: 'AKT',
  uact: 'ACT',
  drop: 'XRP',
  winston: 'AR',
  tk: 'TK',
  tki: 'TKI',
}

/** Eight more digits than a satoshi is shown with. */
const SATOSHI_SCALE = 8

export function ilpAssetOf(asset: Asset): IlpAsset {
  const { decimals } = ASSETS[asset]
  return { code: CODES[asset], scale: asset === 'msat' ? SATOSHI_SCALE + decimals : decimals }
}

/** Undefined when the ledger keeps no such asset. */
export function assetOf({ code, scale }: IlpAsset): Asset | undefined {
  // The keys of `CODES` are all assets.
  return (Object.keys(CODES) as Asset[]).find(
    (asset) => CODES[asset] === code && ilpAssetOf(asset).scale === scale,
  )
}
