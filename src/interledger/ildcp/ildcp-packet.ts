/** What ILDCP says, as bytes (RFC-0031, `DynamicConfigurationResponseData`). */
import { type Outcome, refused } from '../../kernel/index.ts'
import type { IlpAsset } from '../ilp-asset.ts'
import { isIlpAddress, OerWriter, readOer, varOctetsLength } from '../packet/index.ts'

export const ILDCP_DESTINATION = 'peer.config'

export interface IldcpAnswer {
  /** The child's. */
  readonly address: string
  /** What packets between the two are counted in. */
  readonly asset: IlpAsset
}

/** Longer codes are of no asset. */
const MAX_CODE_CHARACTERS = 40
/** Addresses that mean something else at every node, and so can be nobody's own (RFC-0015). */
const NOBODYS_OWN = /^(?:peer|self|local)\./

/** @param answer whose scale is a whole number of 0 to 255. */
export function encodeIldcpAnswer({ address, asset }: IldcpAnswer): Buffer {
  const code = Buffer.from(asset.code)
  const length = varOctetsLength(address.length) + 1 + varOctetsLength(code.length)
  return new OerWriter(length).varAscii(address).uint8(asset.scale).varOctets(code).bytes
}

/** The refusal is a text. Bytes behind the answer are passed over. */
export function decodeIldcpAnswer(bytes: Buffer): Outcome<IldcpAnswer, string> {
  const read = readOer(bytes, (reader) => {
    const address = reader.varOctets().toString('latin1')
    const scale = reader.uint8()
    return { address, asset: { code: reader.varOctets().toString(), scale } }
  })
  if (!read.ok) return read
  const { address, asset } = read.value
  if (!isIlpAddress(address) || NOBODYS_OWN.test(address))
    return refused('the address is no address of a node')
  if (asset.code === '' || asset.code.length > MAX_CODE_CHARACTERS) return refused('the asset code is none')
  return read
}
