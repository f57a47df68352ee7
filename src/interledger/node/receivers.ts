/** Who is paid within this node: the operator, and whoever has relay credit. STREAM and SPSP stand on it. */
import type { Asset, Clock } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import { ilpAssetOf } from '../ilp-asset.ts'
import type { LocalReceiver } from '../local-receiver.ts'
import { answerSpspQuery, type SpspRequest, type SpspResponse } from '../spsp/index.ts'
import { createStreamServer, type StreamMoney } from '../stream/index.ts'

/** The segment behind the node's address that payments go to. */
const SEGMENT = 'pay'
/** Gifts and sales without a name go here. */
const OPERATOR_ACCOUNT = 'revenue/received'
const KEY_BYTES = 32

export interface ReceiversDeps {
  readonly ownAddress: () => string | undefined
  readonly asset: Asset
  /** 32 bytes; with another one, addresses that were given out are void. */
  readonly secret: Buffer
  readonly clock: Clock
  /** The public key (hex) that a name of `/pay/<name>` stands for; undefined when nobody has it. */
  readonly keyOfName: (name: string) => Promise<string | undefined>
  readonly onMoney?: (money: StreamMoney) => void
}

export interface Receivers {
  readonly receiver: LocalReceiver
  answerSpsp(request: SpspRequest): Promise<SpspResponse>
}

export function createReceivers({
  ownAddress,
  asset,
  secret,
  clock,
  keyOfName,
  onMoney,
}: ReceiversDeps): Receivers {
  const server = createStreamServer({
    // Asked only where packets come to our address, or after it was seen that there is one.
    serverAddress: () => `${ownAddress() ?? 'private.unknown'}.${SEGMENT}`,
    secret,
    asset,
    clock,
    accountOf: (tag) => ({ path: pathOf(tag), asset }) satisfies AccountId,
    ...(onMoney !== undefined && { onMoney }),
  })
  return {
    receiver: { segment: SEGMENT, asset, decide: (prepare) => server.decide(prepare) },
    answerSpsp: (request) =>
      answerSpspQuery(request, async (name, receipt) => {
        const tag = name === undefined ? Buffer.alloc(0) : tagOf(await keyOfName(name))
        if (tag === undefined) return 'unknown'
        if (ownAddress() === undefined) return 'unavailable'
        const credentials = server.credentials({ tag, ...(receipt !== undefined && { receipt }) })
        return { credentials, asset: ilpAssetOf(asset) }
      }),
  }
}

function tagOf(pubkey: string | undefined): Buffer | undefined {
  return pubkey === undefined ? undefined : Buffer.from(pubkey, 'hex')
}

function pathOf(tag: Buffer): string {
  return tag.length === KEY_BYTES ? `liabilities/credit/${tag.toString('hex')}` : OPERATOR_ACCOUNT
}
