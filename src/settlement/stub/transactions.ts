/** Transactions of the stub's chain: their bytes, ids, signatures. What does not decode is on no chain. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isSignedBy, type StubKey } from './keys.ts'

const MAX_U64 = 2n ** 64n - 1n

const amount = z
  .string()
  .regex(/^[0-9]{1,20}$/)
  .transform(BigInt)
  .refine((units) => units > 0n && units <= MAX_U64)
const account = z.string().regex(/^[0-9a-f]{64}$/)
const channelId = account
const best = z.object({
  amount,
  nonce: amount,
  relay: z.string().max(64),
  eventId: z.string().max(64),
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})

const action = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pay'), to: account, reference: z.string().max(80), amount }),
  z.object({ kind: z.literal('open'), to: account, amount, challengeMs: z.int().min(0) }),
  z.object({ kind: z.literal('deposit'), channelId, amount }),
  z.object({ kind: z.literal('redeem'), channelId, best }),
  z.object({ kind: z.literal('close'), channelId, best: best.optional() }),
  z.object({ kind: z.literal('withdraw'), channelId }),
])

const body = z.object({
  chain: z.string().max(40),
  from: account,
  /** Each account counts its transactions from 0; a chain takes them in this order and none twice. */
  number: z.int().min(0),
  /** The last block that may hold it. */
  lastBlock: z.int().min(0),
  action,
})

export type StubTransaction = z.output<typeof body>
export type StubAction = StubTransaction['action']
type WrittenBest = z.output<typeof best>

export interface DecodedTransaction {
  readonly id: string
  readonly transaction: StubTransaction
}

const MAX_BYTES = 2_000
const SIGNATURE_LENGTH = 64

/** The signature, and the body that it is of. */
export function signTransaction(transaction: StubTransaction, key: StubKey): { id: string; bytes: Buffer } {
  const text = JSON.stringify(transaction, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  const plain = Buffer.from(text)
  return { id: idOf(plain), bytes: Buffer.concat([key.sign(plain), plain]) }
}

/** Undefined when it is malformed, of another chain, or not signed by the account that it spends from. */
export function decodeTransaction(bytes: Buffer, chain: string): DecodedTransaction | undefined {
  if (bytes.length <= SIGNATURE_LENGTH || bytes.length > MAX_BYTES) return undefined
  const plain = bytes.subarray(SIGNATURE_LENGTH)
  const transaction = parseBody(plain)
  if (transaction === undefined || transaction.chain !== chain) return undefined
  if (!isSignedBy(transaction.from, plain, bytes.subarray(0, SIGNATURE_LENGTH))) return undefined
  return { id: idOf(plain), transaction }
}

function parseBody(plain: Buffer): StubTransaction | undefined {
  try {
    return body.safeParse(JSON.parse(plain.toString())).data
  } catch {
    return undefined
  }
}

function idOf(plain: Buffer): string {
  return createHash('sha256').update(plain).digest('hex')
}

export interface StubClaimFields {
  readonly chain: string
  readonly channelId: string
  readonly asset: string
  readonly amount: bigint
  readonly nonce: bigint
  /** Both empty when it is bound to nothing. */
  readonly relay: string
  readonly eventId: string
}

/** What the signature of a claim is of. No field can hold a line break. */
export function claimMessage(claim: StubClaimFields): Buffer {
  const { chain, channelId, asset, amount, nonce, relay, eventId } = claim
  return Buffer.from(['stoa stub claim', chain, channelId, asset, amount, nonce, relay, eventId].join('\n'))
}

export function isClaimOf(
  written: WrittenBest,
  of: { chain: string; channelId: string; asset: string; payer: string },
) {
  const message = claimMessage({ ...written, ...of })
  return isSignedBy(of.payer, message, Buffer.from(written.signature, 'hex'))
}
