/** What callers may give, read closely once. Amounts are bigints in the asset's smallest unit. */
import { z } from 'zod'
import { ASSETS, type Asset } from '../../kernel/index.ts'
import {
  ACCOUNT_CLASSES,
  MAX_KEY_LENGTH,
  MAX_AMOUNT as MAX_LEDGER_AMOUNT,
  MAX_PATH_LENGTH,
} from '../../ledger/index.ts'
import { peerPatchSchema, peerTermsSchema } from '../node/index.ts'
import {
  isIlpAddress,
  isIlpAddressPrefix,
  MAX_ADDRESS_LENGTH,
  MAX_AMOUNT as MAX_PACKET_AMOUNT,
} from '../packet/index.ts'

const MAX_RECEIVER_LENGTH = 1_000
const MAX_PAGE = 1_000
const MAX_SIGNATURE_BYTES = 1_000
const MAX_TRANSFER_ID = 2n ** 63n - 1n
const MAX_CHALLENGE_MS = 366 * 24 * 3_600_000

/** There is at least one. */
const assetNames = Object.keys(ASSETS) as [Asset, ...Asset[]]
const asset = z.enum(assetNames)
const path = z
  .string()
  .max(MAX_PATH_LENGTH)
  .regex(
    new RegExp(`^(${Object.keys(ACCOUNT_CLASSES).join('|')})(/[a-z0-9._~-]+){1,5}$`),
    'must be the path of an account like assets/peer/bob',
  )
const name = z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a–z, 0–9 and -')
/** Its kind, and the segment of account paths that it is among them. */
const party = z.string().regex(/^[a-z0-9-]{1,40}\/[a-z0-9._~-]{1,100}$/, 'must be a party like peer/bob')
const channelId = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be the name of a channel')
const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 32 bytes in hex')
const packetAmount = z.bigint().min(1n).max(MAX_PACKET_AMOUNT)
const moved = z.bigint().min(1n).max(MAX_LEDGER_AMOUNT)
/** Wider than any rail: what a claim may say is the rail's to refuse, in its own words. */
const claimed = z
  .bigint()
  .min(0n)
  .max(2n ** 256n)
const key = z.string().min(1).max(MAX_KEY_LENGTH)
const atMs = z.int().min(0)
const limit = z.int().min(1).max(MAX_PAGE)
const binding = z.strictObject({ relay: hex32, eventId: hex32 })
const account = { path, asset }
const channel = { rail: name, id: channelId }
const signed = {
  claim: z
    .strictObject({
      rail: name,
      channelId,
      asset,
      amount: claimed,
      nonce: claimed,
      binding: binding.optional(),
    })
    .transform(({ binding: bound, ...claim }) => ({ ...claim, binding: bound })),
  signature: z
    .instanceof(Buffer)
    .refine(({ length }) => length <= MAX_SIGNATURE_BYTES, `must not be above ${MAX_SIGNATURE_BYTES} bytes`),
}
const payment = {
  to: z.string().min(2).max(MAX_RECEIVER_LENGTH),
  asset,
  send: packetAmount.optional(),
  deliver: packetAmount.optional(),
  maxSend: packetAmount.optional(),
}
const hasOneAmount = ({
  send,
  deliver,
}: {
  send?: bigint | undefined
  deliver?: bigint | undefined
}): boolean => (send === undefined) !== (deliver === undefined)
const ONE_AMOUNT = 'give either send or deliver'

export const accountInput = z.strictObject(account)
export const statementInput = z.strictObject({
  ...account,
  fromMs: atMs.optional(),
  toMs: atMs.optional(),
  before: z.bigint().min(0n).max(MAX_TRANSFER_ID).optional(),
  limit: limit.optional(),
})
export const followInput = z.strictObject({
  ...account,
  /** The last transfer that the caller knows of; tRPC sets it when a client comes again. */
  lastEventId: z
    .string()
    .regex(/^\d{1,19}$/, 'must be the number of a transfer')
    .nullish(),
})
export const channelInput = z.strictObject(channel)
export const channelsInput = z.strictObject({ rail: name.optional(), party: party.optional() }).optional()
export const openChannelInput = z.strictObject({
  party,
  key,
  amount: moved,
  challengeMs: z.int().min(1).max(MAX_CHALLENGE_MS).optional(),
})
export const settleInput = z.strictObject({ party, key, amount: moved.optional() })
export const verifyInput = z.strictObject({ ...signed, binding: binding.optional() })
export const recordInput = z.strictObject({
  ...signed,
  binding: binding.optional(),
  credit: z.strictObject(account),
})
export const claimAllInput = z.strictObject({ rail: name.optional() }).optional()
export const quoteInput = z.strictObject(payment).refine(hasOneAmount, ONE_AMOUNT)
export const payInput = z
  .strictObject({ ...payment, key, from: path.optional() })
  .refine(hasOneAmount, ONE_AMOUNT)
export const paymentInput = z.strictObject({ key })
export const peerInput = z.strictObject({ id: name })
export const pingInput = z.strictObject({
  destination: z.string().max(MAX_ADDRESS_LENGTH).refine(isIlpAddress, 'must be an ILP address'),
})
export const newPeerInput = peerTermsSchema
export const peerChangeInput = z.strictObject({ id: name, change: peerPatchSchema })
const prefix = z
  .string()
  .max(MAX_ADDRESS_LENGTH)
  .refine(isIlpAddressPrefix, 'must be an ILP address, the beginning of one, or empty')
export const routesInput = z.strictObject({ limit: limit.optional(), after: prefix.optional() }).optional()
export const routeInput = z.strictObject({ prefix, peerId: name })
export const prefixInput = z.strictObject({ prefix })

/** Without the keys whose value is undefined: to give none and to give undefined is the same to callers. */
export function givenOf<T extends object>(value: T): Given<T> {
  // The type says what the filter does.
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Given<T>
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> }
