import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NegentropyClient } from './negentropy-client.ts'
import { reconcile } from './reconcile.ts'
import { exchange, itemsOf, testItem } from './testing.ts'

interface Vector {
  readonly name: string
  /** Numbers of `testItem`, as all the others. */
  readonly clientItems: readonly number[]
  readonly relayItems: readonly number[]
  readonly clientHas: readonly number[]
  readonly clientNeeds: readonly number[]
  /** Recorded between two other implementations, hex. */
  readonly exchange: readonly { readonly client: string; readonly relay: string }[]
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../vectors/negentropy.json', import.meta.url), 'utf8'),
)

const maxFrameBytes = 60_000
const items = (numbers: readonly number[]) => numbers.map((n) => testItem(n))
const ids = (numbers: readonly number[]) =>
  items(numbers)
    .map(({ id }) => id)
    .sort()

test('there are 7 vectors', () => {
  expect(vectors).toHaveLength(7)
})

test.each(vectors)('$name: our client asks what the recorded one asked, and learns the same', (vector) => {
  const client = new NegentropyClient(itemsOf(items(vector.clientItems)), { maxFrameBytes })
  const have: string[] = []
  const need: string[] = []
  let question: Uint8Array | undefined = client.initiate()
  for (const { client: recorded, relay } of vector.exchange) {
    expect(Buffer.from(question ?? []).toString('hex')).toBe(recorded)
    const step = client.reconcile(Buffer.from(relay, 'hex'))
    if (!step.ok) expect.fail(step.refusal)
    have.push(...step.value.have)
    need.push(...step.value.need)
    question = step.value.next
  }
  expect(question).toBeUndefined()
  expect(have.sort()).toEqual(ids(vector.clientHas))
  expect(need.sort()).toEqual(ids(vector.clientNeeds))
})

test.each(vectors)(
  '$name: our relay answers the recorded questions so that a client learns the same',
  (vector) => {
    const relayItems = itemsOf(items(vector.relayItems))
    const client = new NegentropyClient(itemsOf(items(vector.clientItems)), { maxFrameBytes })
    const have: string[] = []
    const need: string[] = []
    for (const { client: question } of vector.exchange) {
      const answer = reconcile(relayItems, Buffer.from(question, 'hex'), { maxFrameBytes })
      if (!answer.ok) expect.fail(answer.refusal)
      const step = client.reconcile(answer.value)
      if (!step.ok) expect.fail(step.refusal)
      have.push(...step.value.have)
      need.push(...step.value.need)
    }
    expect(have.sort()).toEqual(ids(vector.clientHas))
    expect(need.sort()).toEqual(ids(vector.clientNeeds))
  },
)

test.each(vectors)('$name: our client and our relay find the recorded differences', (vector) => {
  expect(exchange(items(vector.clientItems), items(vector.relayItems))).toMatchObject({
    have: ids(vector.clientHas),
    need: ids(vector.clientNeeds),
  })
})
