/** Sets and exchanges for the tests of this folder. */
import { hash } from 'node:crypto'
import { NegentropyItems, negentropySetOf } from './items.ts'
import { NegentropyClient } from './negentropy-client.ts'
import { reconcile } from './reconcile.ts'

export interface TestItem {
  readonly id: string
  readonly created_at: number
}

/** The `n`-th item: an id that looks random, and three items to a second unless told otherwise. */
export function testItem(n: number, createdAt = 1_700_000_000 + Math.floor(n / 3)): TestItem {
  return { id: hash('sha256', `item${n}`), created_at: createdAt }
}

export function itemsOf(items: Iterable<TestItem>): NegentropyItems {
  return new NegentropyItems(negentropySetOf(items))
}

export interface Exchange {
  /** Ascending. */
  readonly have: readonly string[]
  /** Ascending. */
  readonly need: readonly string[]
  /** Messages of the client. */
  readonly rounds: number
  /** The longest message of the relay, in bytes. */
  readonly longestAnswerBytes: number
  readonly longestQuestionBytes: number
}

/** Lets a client and a relay talk until the client has nothing more to say. */
export function exchange(
  client: Iterable<TestItem>,
  relay: Iterable<TestItem>,
  maxFrameBytes = 60_000,
): Exchange {
  const relayItems = itemsOf(relay)
  const talker = new NegentropyClient(itemsOf(client), { maxFrameBytes })
  const have: string[] = []
  const need: string[] = []
  let rounds = 0
  let longestAnswerBytes = 0
  let longestQuestionBytes = 0
  let question: Uint8Array | undefined = talker.initiate()
  while (question !== undefined) {
    rounds += 1
    if (rounds > 10_000) throw new Error('the exchange does not end')
    longestQuestionBytes = Math.max(longestQuestionBytes, question.length)
    const answer = reconcile(relayItems, question, { maxFrameBytes })
    if (!answer.ok) throw new Error(`the relay refused: ${answer.refusal}`)
    longestAnswerBytes = Math.max(longestAnswerBytes, answer.value.length)
    const step = talker.reconcile(answer.value)
    if (!step.ok) throw new Error(`the client refused: ${step.refusal}`)
    have.push(...step.value.have)
    need.push(...step.value.need)
    question = step.value.next
  }
  return { have: have.sort(), need: need.sort(), rounds, longestAnswerBytes, longestQuestionBytes }
}

/** What an exchange must find, by plain comparison. */
export function difference(
  client: readonly TestItem[],
  relay: readonly TestItem[],
): { have: string[]; need: string[] } {
  const clientIds = new Set(client.map(({ id }) => id))
  const relayIds = new Set(relay.map(({ id }) => id))
  return {
    have: [...clientIds].filter((id) => !relayIds.has(id)).sort(),
    need: [...relayIds].filter((id) => !clientIds.has(id)).sort(),
  }
}
