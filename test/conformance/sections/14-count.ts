import type { Client } from '../kit/client.ts'
import { numberedKey } from '../kit/keys.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { signEvent } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { type HllCase, hllCases } from '../kit/vectors.ts'
import { check, checkSame, fail, skip, sleep } from '../kit/verdict.ts'

const VECTOR_KEYS = 50
const HLL_FORM = /^[0-9a-f]{512}$/

export const rows: readonly Row[] = [
  {
    id: 'C-01',
    level: 'M',
    claim: 'COUNT is answered once, with the number of matching events',
    run: async (t) => {
      const [client, key] = [await counting(t), t.key()]
      checkSame(await client.count({ authors: [key.pubkey] }), 0, 'COUNT before')
      await client.accept(...t.series(key, 7))
      client.send(['COUNT', 'q', { authors: [key.pubkey] }])
      const answer = await client.expect('["COUNT","q",…]', (m) => m[0] === 'COUNT' && m[1] === 'q')
      check(JSON.stringify(answer[2]).includes('"count":7'), `expected 7, got ${JSON.stringify(answer)}`)
      await client.silence('there is one answer', (m) => m[1] === 'q')
    },
  },
  {
    id: 'C-02',
    level: 'M',
    claim: 'Of overlapping filters every event is counted once',
    run: async (t) => {
      const [client, key] = [await counting(t), t.key()]
      const notes = t.series(key, 4)
      await client.accept(...notes, ...t.series(key, 3, { kind: 7 }))
      const overlapping = [
        { authors: [key.pubkey] },
        { ids: [notes[0]?.id] },
        { kinds: [7], authors: [key.pubkey] },
      ]
      checkSame(await client.count(...overlapping), 7, 'COUNT of the union')
    },
  },
  {
    id: 'C-03',
    level: 'M',
    claim: 'A COUNT that is refused gets CLOSED with a prefix',
    run: async (t) => {
      const client = await counting(t)
      for (const filter of [{ ids: ['abc'] }, { kinds: 'x' }, { limit: -1 }])
        await checkCountRefused(client, [filter])
      checkSame(await client.count({ authors: [t.key().pubkey] }), 0, 'COUNT afterwards')
    },
  },
  {
    id: 'C-04',
    level: 'O',
    claim: 'approximate, when present, is a boolean',
    run: async (t) => {
      const client = await counting(t)
      client.send(['COUNT', 'all', { kinds: [1] }])
      const answer = await client.expect('COUNT or CLOSED', (m) => m[1] === 'all')
      const approximate = /"approximate":([^,}]+)/.exec(JSON.stringify(answer[2]))?.[1]
      if (approximate === undefined) skip('the relay counts exactly')
      check(approximate === 'true' || approximate === 'false', `approximate is ${approximate}`)
    },
  },
  {
    id: 'C-05',
    level: 'D',
    claim: 'Deleted, replaced, expired and hidden events are not counted',
    run: async (t) => {
      const [client, key, now] = [await counting(t), t.key(), t.now()]
      const filter = { authors: [key.pubkey], kinds: [1, 10000, 30000] }
      const deleted = t.event(key)
      const tags = [['expiration', String(now + 2)]]
      await client.accept(deleted, t.event(key), ...t.series(key, 2, { kind: 10000 }))
      if (t.info.nips.has(40)) await client.accept(t.event(key, { tags }))
      await client.accept(t.event(key, { kind: 5, tags: [['e', deleted.id]] }))
      if (t.info.nips.has(40)) await sleep(4000)
      checkSame(await client.count(filter), 2, 'COUNT of one note and one replaceable')
    },
  },
  {
    id: 'C-06',
    level: 'P',
    claim: 'limit does not change the count',
    run: async (t) => {
      const [client, key] = [await counting(t), t.key()]
      await client.accept(...t.series(key, 5))
      for (const limit of [0, 2])
        checkSame(await client.count({ authors: [key.pubkey], limit }), 5, `COUNT, limit ${limit}`)
    },
  },
  {
    id: 'C-07',
    level: 'P',
    claim: 'A COUNT neither opens, closes nor replaces the REQ of the same id',
    run: async (t) => {
      const [client, key] = [await counting(t), t.key()]
      const live = await client.subscribe('same', { authors: [key.pubkey] })
      client.send(['COUNT', 'same', { authors: [t.key().pubkey] }])
      await client.expect('["COUNT","same",…]', (m) => m[0] === 'COUNT' && m[1] === 'same')
      const event = t.event(key)
      await client.accept(event)
      await live.expectEvent(event)
      client.send(['COUNT', 'only-count', { authors: [key.pubkey] }])
      await client.expect('["COUNT","only-count",…]', (m) => m[0] === 'COUNT' && m[1] === 'only-count')
      await client.accept(t.event(key))
      await client.silence('a COUNT id gets no events', (m) => m[0] === 'EVENT' && m[1] === 'only-count')
    },
  },
  {
    id: 'C-08',
    level: 'O',
    claim: 'hll comes with tag filters only, as 512 lowercase hex digits',
    run: async (t) => {
      const [client, key] = [await counting(t), t.key()]
      const tags = [['e', key.pubkey]]
      await client.accept(t.event(key, { kind: 7, tags }), t.event(t.key(), { kind: 7, tags }))
      check(
        HLL_FORM.test(await hllOf(client, { '#e': [key.pubkey], kinds: [7] })),
        'hll is not 512 hex digits',
      )
      const plain = await client.countResult({ authors: [key.pubkey] })
      check(
        typeof plain !== 'string' && plain.hll === undefined,
        'hll came for a filter without a tag attribute',
      )
    },
  },
  {
    id: 'C-09',
    level: 'M',
    claim: 'The offset of hll follows from the first value of the first tag attribute (hll.json)',
    timeoutMs: 40_000,
    run: async (t) => {
      const client = await counting(t)
      for (const vector of hllCases()) {
        await storeVector(t, client, vector, 3)
        const registers = await hllOf(client, vectorFilter(vector, 3))
        const expected = registersOf(vectorPubkeys(3), vector.offset)
        checkSame(registers, expected, `registers of three authors at offset ${vector.offset}`)
      }
    },
  },
  {
    id: 'C-10',
    level: 'M',
    claim: 'The registers of fifty authors are those of hll.json, byte for byte',
    timeoutMs: 60_000,
    run: async (t) => {
      const client = await counting(t)
      await hllOf(client, { '#e': [t.key().pubkey], kinds: [7] })
      for (const vector of hllCases()) {
        await storeVector(t, client, vector, VECTOR_KEYS)
        const registers = await hllOf(client, vectorFilter(vector, VECTOR_KEYS))
        checkSame(registers, vector.hll, `registers for ${JSON.stringify(vector.filter)}`)
      }
    },
  },
  {
    id: 'C-11',
    level: 'O',
    claim: 'Registers of two halves, merged by maximum, are those of the whole',
    run: async (t) => {
      const [client, keys] = [await counting(t), Array.from({ length: 12 }, () => t.key())]
      const [target = t.key()] = keys
      const filter = { '#e': [target.pubkey], kinds: [7] }
      await client.accept(...keys.map((key) => t.event(key, { kind: 7, tags: [['e', target.pubkey]] })))
      const authors = keys.map((key) => key.pubkey)
      const half = (from: number, to: number) =>
        hllOf(client, { ...filter, authors: authors.slice(from, to) })
      const merged = mergeRegisters(await half(0, 6), await half(6, 12))
      checkSame(await hllOf(client, filter), merged, 'registers of the whole')
    },
  },
  {
    id: 'C-12',
    level: 'O',
    claim: 'Reactions, reposts, quotes, replies, comments and followers are counted with hll',
    run: async (t) => {
      const [client, { pubkey }] = [await counting(t), t.key()]
      const queries = [
        { '#e': [pubkey], kinds: [7] },
        { '#e': [pubkey], kinds: [6] },
        { '#q': [pubkey], kinds: [1, 1111] },
        { '#e': [pubkey], kinds: [1] },
        { '#E': [pubkey], kinds: [1111] },
        { '#p': [pubkey], kinds: [3] },
      ]
      for (const query of queries) await hllOf(client, query)
    },
  },
  {
    id: 'C-13',
    level: 'D',
    claim: 'COUNT without an id, without a filter or with a bad one gets CLOSED "invalid:" or a NOTICE',
    run: async (t) => {
      const client = await counting(t)
      for (const message of [
        ['COUNT'],
        ['COUNT', 7, {}],
        ['COUNT', 'none'],
        ['COUNT', 'bad', 'x'],
        ['COUNT', 'bad', null],
      ]) {
        client.send(message)
        const answer = await client.expect(`CLOSED or NOTICE after ${JSON.stringify(message)}`, (m) =>
          ['CLOSED', 'NOTICE', 'COUNT'].includes(String(m[0])),
        )
        check(answer[0] !== 'COUNT', `${JSON.stringify(message)} was counted`)
        if (answer[0] === 'CLOSED') checkPrefix(String(answer[2]), ['invalid'], JSON.stringify(message))
      }
      checkSame(await client.count({ authors: [t.key().pubkey] }), 0, 'COUNT afterwards')
    },
  },
]

/** A connection to a relay that has NIP-45. */
async function counting(t: Trial): Promise<Client> {
  t.requireNip(45)
  return t.connect()
}

async function checkCountRefused(client: Client, filters: readonly unknown[]): Promise<void> {
  const result = await client.countResult(...filters)
  if (typeof result !== 'string') fail(`COUNT of ${JSON.stringify(filters)} was answered ${result.count}`)
  checkPrefix(result, [], `COUNT of ${JSON.stringify(filters)}`)
}

/** The registers; skips when the relay sends none. */
async function hllOf(client: Client, filter: object): Promise<string> {
  const result = await client.countResult(filter)
  if (typeof result === 'string') fail(`COUNT of ${JSON.stringify(filter)} was refused with "${result}"`)
  if (typeof result.hll !== 'string') skip('the relay sends no hll')
  return result.hll
}

function vectorPubkeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => numberedKey(i + 1).pubkey)
}

/** The vectors count all events; on a store with others the authors are named, which changes no register. */
function vectorFilter({ filter }: HllCase, authors: number): object {
  return { ...filter, authors: vectorPubkeys(authors) }
}

/** One matching event by each of the first `count` keys. */
async function storeVector(t: Trial, client: Client, { filter }: HllCase, count: number): Promise<void> {
  const { kinds, ...conditions } = filter
  const tags = Object.entries(conditions).map(([name, values]) => [name.slice(1), values[0] ?? ''])
  const kind = kinds[0] ?? 1
  const events = Array.from({ length: count }, (_, i) =>
    signEvent(numberedKey(i + 1), { kind, created_at: t.now(), tags, content: '' }),
  )
  for (const event of events) client.send(['EVENT', event])
  // A replaceable event may lose against one of an earlier run: the author is counted all the same.
  for (const event of events) await client.okFor(event.id)
}

/** NIP-45: register = byte at `offset` of the pubkey, value = leading zero bits of what follows, plus one. */
function registersOf(pubkeys: readonly string[], offset: number): string {
  const registers = Buffer.alloc(256)
  for (const pubkey of pubkeys) {
    const bytes = Buffer.from(pubkey, 'hex')
    const register = bytes[offset] ?? 0
    const value = leadingZeroBits(bytes.subarray(offset + 1)) + 1
    registers[register] = Math.max(registers[register] ?? 0, value)
  }
  return registers.toString('hex')
}

function leadingZeroBits(bytes: Buffer): number {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? bytes.length * 8 : first * 8 + Math.clz32(bytes[first] ?? 0) - 24
}

function mergeRegisters(a: string, b: string): string {
  const [left, right] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')]
  return Buffer.from(left.map((value, i) => Math.max(value, right[i] ?? 0))).toString('hex')
}
