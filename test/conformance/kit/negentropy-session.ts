/** NEG-OPEN, NEG-MSG and NEG-ERR on a connection (NIP-77). */
import type { Client, Message } from './client.ts'
import type { WireEvent } from './event.ts'
import { type NegItem, Reconciliation } from './negentropy.ts'
import { checkPrefix } from './prefix.ts'
import { check, fail } from './verdict.ts'

/** Rounds after which a relay is taken to make no headway. */
const MAX_ROUNDS = 60

/** What the relay said: a message, hex, or a reason. `rest` are the elements behind the reason. */
export type NegAnswer =
  | { readonly message: string }
  | { readonly error: string; readonly rest: readonly unknown[] }

export interface Differences {
  /** Ids that the relay lacks, sorted. */
  readonly have: readonly string[]
  /** Ids that we lack, sorted. */
  readonly need: readonly string[]
  readonly rounds: number
  /** The longest message of the relay, in characters of hex. */
  readonly longest: number
}

export function itemsOf(events: readonly WireEvent[]): NegItem[] {
  return events.map(({ created_at, id }) => ({ time: created_at, id }))
}

export async function openNeg(
  client: Client,
  id: string,
  filter: unknown,
  message: string,
): Promise<NegAnswer> {
  client.send(['NEG-OPEN', id, filter, message])
  return negAnswer(client, id)
}

export async function sendNeg(client: Client, id: string, message: string): Promise<NegAnswer> {
  client.send(['NEG-MSG', id, message])
  return negAnswer(client, id)
}

export async function negAnswer(client: Client, id: string, timeoutMs?: number): Promise<NegAnswer> {
  const isAnswer = (m: Message) => (m[0] === 'NEG-MSG' || m[0] === 'NEG-ERR') && m[1] === id
  const [verb, , text, ...rest] = await client.expect(`NEG-MSG or NEG-ERR for ${id}`, isAnswer, timeoutMs)
  check(typeof text === 'string', `${String(verb)} must carry a text`)
  return verb === 'NEG-MSG' ? { message: text } : { error: text, rest }
}

/** The message of an answer; NEG-ERR fails the row. */
export function messageOf(answer: NegAnswer): string {
  return 'message' in answer ? answer.message : fail(`expected NEG-MSG, got NEG-ERR "${answer.error}"`)
}

/** The answer must be NEG-ERR with one of `prefixes`. */
export function checkNegError(answer: NegAnswer, prefixes: readonly string[], why: string): void {
  if ('message' in answer) fail(`${why}: expected NEG-ERR, got the message ${answer.message.slice(0, 60)}`)
  checkPrefix(answer.error, prefixes, why)
}

/** The whole exchange; `between` runs once, after the relay's first answer. */
export async function reconcile(
  client: Client,
  filter: unknown,
  items: readonly NegItem[],
  { id = 'neg', between }: { readonly id?: string; readonly between?: () => Promise<void> } = {},
): Promise<Differences> {
  const ours = new Reconciliation(items)
  let answer = messageOf(await openNeg(client, id, filter, ours.first()))
  await between?.()
  let longest = answer.length
  for (let rounds = 1; rounds <= MAX_ROUNDS; rounds += 1) {
    const next = ours.next(answer)
    if (next === undefined) {
      client.send(['NEG-CLOSE', id])
      return { have: [...ours.have].sort(), need: [...ours.need].sort(), rounds, longest }
    }
    answer = messageOf(await sendNeg(client, id, next))
    longest = Math.max(longest, answer.length)
  }
  return fail(`not done after ${MAX_ROUNDS} rounds`)
}
