/**
 * What two settlements say to each other over the link of their peers: JSON, one question and its answer. Nothing here is
 * believed that the network or a signature does not prove.
 */
import { z } from 'zod'
import type { SignedClaim } from './channels/check-claim.ts'
import { settlementAmount, settlementName, signedClaim, written } from './order-json.ts'
import type { Claim } from './rail.ts'

/** The BTP sub-protocol. */
export const SETTLEMENT_PROTOCOL = 'stoa.settlement'
const MAX_MESSAGE_BYTES = 8 * 1024

const network = z.string().min(1).max(100)

const question = z.discriminatedUnion('do', [
  /** Where can I pay you so much? */
  z.object({ do: z.literal('where'), network, amount: settlementAmount }),
  /** I have sent a payment: look. */
  z.object({ do: z.literal('paid'), network, id: settlementName }),
  /** Here is what a channel of mine owes you by now. */
  z.object({ do: z.literal('claim'), network, signed: signedClaim }),
])

const answer = z.union([
  z.object({ address: settlementName }),
  z.object({ isNoted: z.literal(true) }),
  /** The nonce of the best claim that I have. */
  z.object({ has: settlementAmount }),
  z.object({ refused: z.string().max(50) }),
])

export type SettlementQuestion =
  | Exclude<z.output<typeof question>, { do: 'claim' }>
  | { readonly do: 'claim'; readonly network: string; readonly signed: SignedClaim }
export type SettlementAnswer = z.output<typeof answer>

export function writeQuestion(value: SettlementQuestion): Buffer {
  return Buffer.from(written(value))
}

export function writeAnswer(value: SettlementAnswer): Buffer {
  return Buffer.from(written(value))
}

/** Undefined when it is none. */
export function readQuestion(data: Buffer): SettlementQuestion | undefined {
  return question.safeParse(parsed(data)).data
}

/** Undefined when it is none. */
export function readAnswer(data: Buffer): SettlementAnswer | undefined {
  return answer.safeParse(parsed(data)).data
}

/** A claim of a peer by our name of the rail. */
export function claimUnder(rail: string, claim: Claim): Claim {
  return { ...claim, rail }
}

function parsed(data: Buffer): unknown {
  if (data.byteLength > MAX_MESSAGE_BYTES) return undefined
  try {
    return JSON.parse(data.toString())
  } catch {
    return undefined
  }
}
