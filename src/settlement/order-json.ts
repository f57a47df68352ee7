/** Orders and claims as texts: of the tables, and of messages between peers. Amounts are decimal, bytes are hex. */
import { z } from 'zod'
import { ASSETS, type Asset } from '../kernel/index.ts'
import type { Claim, Order } from './rail.ts'

/** Digits of 2^256. */
const MAX_DIGITS = 78
/** Names of channels, addresses, invoices. */
const MAX_NAME_LENGTH = 2_000
const MAX_SIGNATURE_BYTES = 512

const amount = z
  .string()
  .regex(new RegExp(`^[0-9]{1,${MAX_DIGITS}}$`))
  .transform(BigInt)
const name = z.string().min(1).max(MAX_NAME_LENGTH)
const hex32 = z.string().regex(/^[0-9a-f]{64}$/)
// The keys of `ASSETS` are all assets.
const asset = z.enum(Object.keys(ASSETS) as [Asset, ...Asset[]])
const bytes = z
  .string()
  .max(MAX_SIGNATURE_BYTES * 2)
  .regex(/^([0-9a-f]{2})*$/)
  .transform((hex) => Buffer.from(hex, 'hex'))

const claim = z
  .object({
    rail: z.string().regex(/^[a-z0-9-]{1,40}$/),
    channelId: name,
    asset,
    amount,
    nonce: amount,
    binding: z.object({ relay: hex32, eventId: hex32 }).optional(),
  })
  .transform((read): Claim => ({ ...read, binding: read.binding }))

export const signedClaim = z.object({ claim, signature: bytes })
export const settlementName = name
export const settlementAmount = amount

const order = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pay'), to: name, amount }),
  z.object({ kind: z.literal('open'), to: name, amount, challengeMs: z.number() }),
  z.object({ kind: z.literal('deposit'), channelId: name, amount }),
  z.object({ kind: z.literal('redeem'), channelId: name, claim, signature: bytes }),
  z
    .object({ kind: z.literal('close'), channelId: name, best: signedClaim.optional() })
    .transform((read) => ({ ...read, best: read.best })),
  z.object({ kind: z.literal('withdraw'), channelId: name }),
])

export function writeOrder(value: Order): string {
  return written(value)
}

/** Of a row of ours. Throws when it is none. */
export function readOrder(text: string): Order {
  return order.parse(JSON.parse(text))
}

export function writeClaim(value: Claim): string {
  return written(value)
}

export function readClaim(text: string): Claim {
  return claim.parse(JSON.parse(text))
}

/** JSON with decimal texts for bigints and hex for bytes. */
export function written(value: object): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, plain: unknown) {
    // A Buffer has become something else by the time that `plain` is made.
    const raw = this[key]
    if (Buffer.isBuffer(raw)) return raw.toString('hex')
    return typeof raw === 'bigint' ? raw.toString() : plain
  })
}
