import { expect } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { alice, bob, carol, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

export function vanishClaims(claim: Claim): void {
  whatGoes(claim)
  whatStaysAway(claim)
  whatIsRemembered(claim)
}

/** A request to vanish, by Alice at `NOW_SECONDS` unless told otherwise. */
const request = (fields: Partial<Pick<NostrEvent, 'pubkey' | 'created_at' | 'tags'>> = {}) =>
  testEvent({ kind: 62, tags: [['relay', 'ALL_RELAYS']], ...fields })

const note = (offset: number, fields: Partial<NostrEvent> = {}) =>
  testEvent({ created_at: NOW_SECONDS + offset, ...fields })

const giftWrap = (offset: number, ...recipients: readonly string[]) =>
  note(offset, { kind: 1059, pubkey: carol, tags: recipients.map((pubkey) => ['p', pubkey]) })

/** One of every class of kinds, and of the kinds that rules speak of. */
const ofEveryKind = (offset: number, fields: Partial<NostrEvent> = {}) =>
  [0, 1, 5, 1059, 10_002, 30_023].map((kind) => note(offset, { kind, ...fields }))

function whatGoes(claim: Claim): void {
  claim(
    'everything of its author up to its second goes, deletions included, and itself stays (V-02)',
    async ({ store, put, find, count }) => {
      const gone = [...ofEveryKind(-1, { tags: [['t', 'x']] }), note(0)]
      const kept = [note(1), note(-1, { pubkey: bob })]
      await put([...gone, ...kept])
      const vanishing = request()
      expect(await put([vanishing])).toEqual(['stored'])
      expect(new Set(await find({}))).toEqual(new Set(idsOf(...kept, vanishing)))
      for (const filter of [
        { ids: idsOf(...gone) },
        { authors: [alice], until: NOW_SECONDS, kinds: [0, 1, 5, 1059, 10_002, 30_023] },
        { tags: [{ name: 't', values: ['x'] }] },
      ]) {
        expect(await find(filter)).toEqual([])
        expect(await count(filter)).toBe(0)
      }
      for (const { id } of gone) expect(await store.has(id)).toBe(false)
      expect(store.stats().events).toBe(3)
    },
  )

  claim('gift wraps to its author go as well, up to its second (V-05, G-08)', async ({ put, find }) => {
    const gone = [giftWrap(-1, alice), giftWrap(0, bob, alice)]
    const kept = [giftWrap(-1, bob), giftWrap(1, alice), note(-1, { pubkey: bob, tags: [['p', alice]] })]
    const malformed = note(-1, { kind: 1059, pubkey: carol, tags: [['p', bob, alice], ['P', alice], ['p']] })
    await put([...gone, ...kept, malformed, request()])
    expect(new Set(await find({ kinds: [1, 1059] }))).toEqual(new Set(idsOf(...kept, malformed)))
  })

  claim('what nobody knows of its author is no hindrance', async ({ put, find }) => {
    const vanishing = request()
    expect(await put([vanishing])).toEqual(['stored'])
    expect(await find({})).toEqual([vanishing.id])
  })

  claim('one request may take more than a thousand events', async ({ store, put, find }) => {
    const notes = Array.from({ length: 1_200 }, (_, n) => note(-(n % 5), { content: `${n}` }))
    await put(notes)
    await put([request()])
    expect(await find({ kinds: [1] })).toEqual([])
    expect(store.stats().events).toBe(1)
  })

  claim(
    'within one batch it takes what came before it and refuses what comes after',
    async ({ put, find }) => {
      const vanishing = request()
      const [before, after, later] = [note(-2), note(-1), note(1)]
      expect(await put([before, vanishing, after, later])).toEqual(['stored', 'stored', 'vanished', 'stored'])
      expect(await find({})).toEqual(idsOf(later, vanishing))
    },
  )

  claim('a newer request takes the older one and all between them', async ({ put, find }) => {
    const [first, second] = [request({ created_at: NOW_SECONDS - 5 }), request()]
    await put([first, note(-3)])
    expect(await put([second])).toEqual(['stored'])
    expect(await find({})).toEqual([second.id])
  })
}

function whatStaysAway(claim: Claim): void {
  claim(
    'what was made until then cannot come or come back, of whatever kind (V-06)',
    async ({ put, find }) => {
      const before = note(-1, { content: 'stored before' })
      const vanishing = request()
      await put([before, vanishing])
      const late = [before, ...ofEveryKind(-1), ...ofEveryKind(0)]
      expect(new Set(await put(late))).toEqual(new Set(['vanished']))
      expect(await find({})).toEqual([vanishing.id])
    },
  )

  claim('gift wraps made until then to their recipient cannot come or come back', async ({ put, find }) => {
    const before = giftWrap(-1, alice)
    const vanishing = request()
    await put([before, vanishing])
    const refused = [before, giftWrap(0, alice), giftWrap(-1, bob, alice), giftWrap(-2, 'no key', alice)]
    expect(new Set(await put(refused))).toEqual(new Set(['vanished']))
    const welcome = [giftWrap(1, alice), giftWrap(0, bob), note(0, { pubkey: bob, tags: [['p', alice]] })]
    const malformed = note(0, { kind: 1059, pubkey: carol, tags: [['p', bob, alice], ['P', alice], ['p']] })
    expect(await put([...welcome, malformed])).toEqual(Array.from({ length: 4 }, () => 'stored'))
    expect(new Set(await find({}))).toEqual(new Set(idsOf(...welcome, malformed, vanishing)))
  })

  claim('what is made later is welcome (V-07)', async ({ put }) => {
    await put([request()])
    expect(await put(ofEveryKind(1))).toEqual(Array.from({ length: 6 }, () => 'stored'))
  })

  claim("other authors' events are welcome whenever they were made", async ({ put }) => {
    await put([request()])
    expect(await put([note(-1, { pubkey: bob }), giftWrap(-1, bob)])).toEqual(['stored', 'stored'])
  })

  claim('of several requests the latest time stays, in any order (V-09)', async ({ put, find }) => {
    const latest = request({ created_at: NOW_SECONDS + 5 })
    await put([request(), latest])
    const older = request({ created_at: NOW_SECONDS + 2 })
    const twin = request({ created_at: NOW_SECONDS + 5, tags: [['relay', 'wss://here']] })
    expect(await put([older, twin, latest])).toEqual(['vanished', 'vanished', 'duplicate'])
    expect(await put([note(5), note(6)])).toEqual(['vanished', 'stored'])
    expect(await find({ kinds: [62] })).toEqual([latest.id])
  })

  claim('a deletion does not lift it (V-09)', async ({ put, find }) => {
    const vanishing = request()
    await put([vanishing])
    const deletion = note(1, { kind: 5, tags: [['e', vanishing.id]] })
    expect(await put([deletion, note(0)])).toEqual(['stored', 'vanished'])
    expect(await find({ kinds: [62] })).toEqual([vanishing.id])
  })

  claim('the operator lifts it by removing the request', async ({ store, put }) => {
    const [first, vanishing] = [note(0), request()]
    await put([first, vanishing])
    expect(await put([first])).toEqual(['vanished'])
    expect(await store.remove([vanishing.id])).toBe(1)
    expect(await put([first])).toEqual(['stored'])
    expect(await put([vanishing, first])).toEqual(['stored', 'vanished'])
  })

  claim('the order of the reasons is expired, duplicate, vanished, deleted', async ({ put }) => {
    const vanishing = request()
    const [named, unnamed] = [note(0, { content: 'named' }), note(0)]
    await put([vanishing, note(1, { kind: 5, tags: [['e', named.id]] })])
    const expired = note(0, { tags: [['expiration', `${NOW_SECONDS}`]] })
    const ephemeral = note(0, { kind: 20_001 })
    expect(await put([ephemeral, expired, vanishing, named, unnamed])).toEqual([
      'ephemeral',
      'expired',
      'duplicate',
      'vanished',
      'vanished',
    ])
  })
}

function whatIsRemembered(claim: Claim): void {
  claim('after opening again what went is gone and stays away', async (bench) => {
    const gone = [...ofEveryKind(-1), giftWrap(0, alice)]
    const kept = [note(1), note(-1, { pubkey: bob })]
    const vanishing = request()
    await bench.put([...gone, ...kept, vanishing])
    const again = await bench.reopen()
    expect(new Set(await again.find({}))).toEqual(new Set(idsOf(...kept, vanishing)))
    expect(again.store.stats().events).toBe(3)
    expect(await again.put([note(-1), note(0), note(2)])).toEqual(['vanished', 'vanished', 'stored'])
    // Once more, when the request lies in a part of the store that was not written to since.
    const later = await (await again.reopen()).reopen()
    expect(await later.put([note(-1), note(0), note(3)])).toEqual(['vanished', 'vanished', 'stored'])
  })

  claim('after opening again the latest of several requests counts', async (bench) => {
    await bench.put([request(), note(1), request({ created_at: NOW_SECONDS + 3 }), note(4)])
    const again = await bench.reopen()
    expect(await again.put([note(3), note(5)])).toEqual(['vanished', 'stored'])
  })

  claim('a request that the operator removed stays lifted', async (bench) => {
    const vanishing = request()
    await bench.put([note(0), vanishing])
    await bench.store.remove([vanishing.id])
    const again = await bench.reopen()
    expect(await again.put([note(0)])).toEqual(['stored'])
  })

  claim('it reaches what was stored long before it, wherever that lies', async (bench) => {
    const old = Array.from({ length: 40 }, (_, n) =>
      note(-n, { content: `${n} ${'x'.repeat(100)}`, pubkey: n % 2 === 0 ? alice : bob }),
    )
    await bench.put(old)
    const again = await bench.reopen()
    await again.put([request()])
    const last = await again.reopen()
    expect(await last.find({ kinds: [1] })).toEqual(idsOf(...old.filter(({ pubkey }) => pubkey === bob)))
    expect(await last.count({ authors: [alice] })).toBe(1)
  })
}
