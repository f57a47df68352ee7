import { expect } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { alice, bob, carol, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

export function deletionClaims(claim: Claim): void {
  deletionById(claim)
  deletionByAddress(claim)
  deletionThatMustNotHappen(claim)
  deletionOfGiftWraps(claim)
}

type DeletionFields = Partial<Pick<NostrEvent, 'pubkey' | 'created_at' | 'content'>>

/** A deletion request, by Alice at `NOW_SECONDS` unless told otherwise. */
const deletion = (tags: NostrEvent['tags'], fields: DeletionFields = {}) =>
  testEvent({ kind: 5, tags, ...fields })

const article = (d: string, created_at: number, pubkey = alice) =>
  testEvent({ kind: 30_023, tags: [['d', d]], created_at, pubkey })

function deletionById(claim: Claim): void {
  claim(
    'a deleted event is found no more, its deletion is (D-01, D-02)',
    async ({ store, put, find, count }) => {
      const note = testEvent({ tags: [['t', 'x']], created_at: NOW_SECONDS - 1 })
      const request = deletion([['e', note.id]])
      expect(await put([note])).toEqual(['stored'])
      expect(await put([request])).toEqual(['stored'])
      for (const filter of [{ ids: [note.id] }, { kinds: [1] }, { tags: [{ name: 't', values: ['x'] }] }]) {
        expect(await find(filter)).toEqual([])
        expect(await count(filter)).toBe(0)
      }
      expect(await find({ authors: [alice] })).toEqual([request.id])
      expect(await store.has(note.id)).toBe(false)
      expect(store.stats().events).toBe(1)
    },
  )

  claim(
    'a deletion takes its own targets and leaves the foreign ones (D-03, D-04)',
    async ({ put, find }) => {
      const own = testEvent({ content: 'own' })
      const foreign = testEvent({ pubkey: bob })
      const request = deletion([
        ['e', foreign.id],
        ['e', own.id],
      ])
      await put([own, foreign, request])
      expect(await find({ kinds: [1] })).toEqual([foreign.id])
    },
  )

  claim('a deleted event cannot return (D-05)', async ({ put, find }) => {
    const note = testEvent()
    await put([note, deletion([['e', note.id]])])
    expect(await put([note])).toEqual(['deleted'])
    expect(await put([note])).toEqual(['deleted'])
    expect(await find({ kinds: [1] })).toEqual([])
  })

  claim('a deletion may come before its target (D-06)', async ({ put, find }) => {
    const note = testEvent()
    const request = deletion([['e', note.id]])
    expect(await put([request])).toEqual(['stored'])
    expect(await put([note])).toEqual(['deleted'])
    expect(await find({})).toEqual([request.id])
  })

  claim("a stranger's deletion of an event yet unseen has no effect (D-07)", async ({ put, find }) => {
    const note = testEvent()
    await put([deletion([['e', note.id]], { pubkey: bob }), deletion([['e', note.id]], { pubkey: carol })])
    expect(await put([note])).toEqual(['stored'])
    expect(await find({ kinds: [1] })).toEqual([note.id])
  })

  claim("among strangers' deletions the author's own is heard", async ({ put }) => {
    const note = testEvent()
    await put([bob, alice, carol].map((pubkey) => deletion([['e', note.id]], { pubkey })))
    expect(await put([note])).toEqual(['deleted'])
  })

  claim('an id is deleted even when it is newer than the deletion (D-14)', async ({ put, find }) => {
    const early = deletion([['e', testEvent({ created_at: NOW_SECONDS + 9 }).id]], { created_at: 1 })
    const note = testEvent({ created_at: NOW_SECONDS + 9 })
    await put([note, early])
    expect(await find({ kinds: [1] })).toEqual([])
    expect(await put([note])).toEqual(['deleted'])
  })

  claim('a version deleted by its id leaves the address to others', async ({ put, find }) => {
    const [older, newer] = [article('a', NOW_SECONDS - 2), article('a', NOW_SECONDS - 1)]
    await put([newer, deletion([['e', newer.id]])])
    expect(await put([older])).toEqual(['stored'])
    expect(await put([newer])).toEqual(['deleted'])
    expect(await find({ kinds: [30_023] })).toEqual([older.id])
  })

  claim('a deleted version stays deleted, not superseded, beside a newer one (D-05)', async ({ put }) => {
    const [older, newer] = [article('a', NOW_SECONDS - 2), article('a', NOW_SECONDS - 1)]
    await put([older, deletion([['e', older.id]]), newer])
    expect(await put([older])).toEqual(['deleted'])
  })

  claim('what a deletion says in k tags or content changes nothing (D-18)', async ({ put, find }) => {
    const note = testEvent()
    await put([
      note,
      deletion(
        [
          ['e', note.id, 'wss://relay', 'mark'],
          ['k', '30023'],
        ],
        { content: 'spam' },
      ),
    ])
    expect(await find({ kinds: [1] })).toEqual([])
  })

  claim('a deletion that names nothing is stored without effect (D-19)', async ({ put, count }) => {
    expect(await put([testEvent(), deletion([]), deletion([['p', alice]])])).toEqual([
      'stored',
      'stored',
      'stored',
    ])
    expect(await count({})).toBe(3)
  })

  claim('malformed targets beside good ones do no harm (D-20)', async ({ put, find }) => {
    const note = testEvent({ content: 'gone' })
    const kept = testEvent({ content: 'kept' })
    const list = testEvent({ kind: 10_002 })
    const malformed = [
      ['e'],
      ['e', ''],
      ['e', kept.id.toUpperCase()],
      ['e', kept.id.slice(0, 63)],
      ['a'],
      ['a', '::'],
    ]
    const good = [
      ['e', note.id],
      ['a', `10002:${alice}:`],
    ]
    await put([note, kept, list, deletion([...malformed, ['a', '1:2'], ...good, ['E', kept.id]])])
    expect(await find({ kinds: [1, 10_002] })).toEqual([kept.id])
  })

  claim('replies and reactions outlive what they answer (D-21)', async ({ put, find }) => {
    const note = testEvent()
    const reply = testEvent({ tags: [['e', note.id]], content: 'yes' })
    const reaction = testEvent({ kind: 7, tags: [['e', note.id]], content: '+' })
    await put([note, reply, reaction, deletion([['e', note.id]])])
    expect(new Set(await find({ kinds: [1, 7] }))).toEqual(new Set(idsOf(reply, reaction)))
  })

  claim('one deletion may name more than a thousand events', async ({ put, find }) => {
    const notes = Array.from({ length: 1_200 }, (_, n) => testEvent({ content: `${n}` }))
    await put(notes)
    await put([deletion(notes.slice(1).map(({ id }) => ['e', id]))])
    expect(await find({ kinds: [1] })).toEqual(idsOf(...notes.slice(0, 1)))
  })
}

function deletionByAddress(claim: Claim): void {
  const address = `30023:${alice}:a`

  claim('an address is deleted up to the second of the deletion (D-08, D-10)', async ({ put, find }) => {
    const request = deletion([['a', address]])
    const [before, same, after] = [-1, 0, 1].map((offset) => article('a', NOW_SECONDS + offset))
    await put([same!])
    expect(await put([request])).toEqual(['stored'])
    expect(await find({ kinds: [30_023] })).toEqual([])
    expect(await put([before!, same!])).toEqual(['deleted', 'deleted'])
    expect(await put([after!])).toEqual(['stored'])
    expect(await find({ kinds: [30_023] })).toEqual([after?.id])
  })

  claim('a version newer than the deletion of its address stays (D-09)', async ({ put, find }) => {
    const newer = article('a', NOW_SECONDS + 1)
    await put([newer, deletion([['a', address]])])
    expect(await find({ kinds: [30_023] })).toEqual([newer.id])
  })

  claim('of several deletions of an address the newest counts, in any order', async ({ put }) => {
    const offsets = [2, 5, 1]
    await put(offsets.map((offset) => deletion([['a', address]], { created_at: NOW_SECONDS + offset })))
    expect(await put([article('a', NOW_SECONDS + 5)])).toEqual(['deleted'])
    expect(await put([article('a', NOW_SECONDS + 6)])).toEqual(['stored'])
  })

  claim('a replaceable event goes by its address with both colons (D-11)', async ({ put, find }) => {
    const list = testEvent({ kind: 10_002, created_at: NOW_SECONDS - 1 })
    await put([list])
    await put([deletion([['a', `10002:${alice}`]]), deletion([['a', `10002:${alice}:d`]])])
    expect(await find({ kinds: [10_002] })).toEqual([list.id])
    await put([deletion([['a', `10002:${alice}:`]])])
    expect(await find({ kinds: [10_002] })).toEqual([])
    expect(await put([list])).toEqual(['deleted'])
  })

  claim(
    "another author's address is out of reach, before and after it is used (D-12)",
    async ({ put, find }) => {
      const hostile = deletion([['a', address]], { pubkey: bob })
      const version = article('a', NOW_SECONDS - 1)
      expect(await put([hostile, version])).toEqual(['stored', 'stored'])
      await put([deletion([['a', address]], { pubkey: bob, content: 'again' })])
      expect(await find({ kinds: [30_023] })).toEqual([version.id])
    },
  )

  claim('only the exact address is deleted (D-13, K-14)', async ({ put, find }) => {
    const target = article('a', NOW_SECONDS - 1)
    const others = [
      ...['', 'A', 'a ', 'a:b', 'b'].map((d) => article(d, NOW_SECONDS - 1)),
      article('a', NOW_SECONDS - 1, bob),
      testEvent({ kind: 30_024, tags: [['d', 'a']], created_at: NOW_SECONDS - 1 }),
      testEvent({ kind: 10_002, tags: [['d', 'a']], created_at: NOW_SECONDS - 1 }),
      testEvent({ kind: 1, tags: [['d', 'a']], created_at: NOW_SECONDS - 1 }),
    ]
    await put([target, ...others, deletion([['a', address]])])
    expect(new Set(await find({ until: NOW_SECONDS - 1 }))).toEqual(new Set(idsOf(...others)))
    await put([deletion([['a', `30023:${alice}:a:b`]])])
    expect(await put([article('a:b', NOW_SECONDS - 1), article('a', NOW_SECONDS - 1)])).toEqual([
      'deleted',
      'deleted',
    ])
  })

  claim('an address whose d value needs escaping is deleted like any other', async ({ put, find }) => {
    for (const d of ['"', '\\', '\u0000', 'é😀', 'long '.repeat(2_000)]) {
      const version = article(d, NOW_SECONDS)
      await put([version, deletion([['a', `30023:${alice}:${d}`]])])
      expect(await find({ kinds: [30_023] })).toEqual([])
      expect(await put([version])).toEqual(['deleted'])
    }
  })

  claim(
    'one deletion that names a version twice, by id and address, is one deletion',
    async ({ store, put, find }) => {
      const version = article('a', NOW_SECONDS)
      const request = deletion([
        ['a', address],
        ['e', version.id],
        ['e', version.id],
        ['a', address],
      ])
      expect(await put([version, request])).toEqual(['stored', 'stored'])
      expect(await find({})).toEqual([request.id])
      expect(store.stats().events).toBe(1)
    },
  )
}

function deletionThatMustNotHappen(claim: Claim): void {
  claim('a deletion cannot be deleted, before or after it comes (D-15)', async ({ put, find }) => {
    const note = testEvent()
    const request = deletion([['e', note.id]])
    const undoing = deletion([['e', request.id]], { content: 'undo' })
    await put([request, undoing])
    expect(new Set(await find({ kinds: [5] }))).toEqual(new Set(idsOf(request, undoing)))
    expect(await put([note])).toEqual(['deleted'])
    const late = deletion([['t', 'late']])
    await put([deletion([['e', late.id]])])
    expect(await put([late])).toEqual(['stored'])
  })

  claim('a request to vanish cannot be deleted, before or after it comes (D-16)', async ({ put, find }) => {
    const request = (offset: number) =>
      testEvent({ kind: 62, tags: [['relay', 'ALL_RELAYS']], created_at: NOW_SECONDS + offset })
    const [early, late] = [request(-1), request(1)]
    await put([
      early,
      deletion([
        ['e', early.id],
        ['e', late.id],
      ]),
    ])
    expect(await find({ kinds: [62] })).toEqual([early.id])
    expect(await put([late])).toEqual(['stored'])
    expect(await find({ kinds: [62] })).toEqual([late.id])
  })

  claim('only kind 5 deletes', async ({ put, find }) => {
    const note = testEvent({ created_at: NOW_SECONDS - 1 })
    const version = article('a', NOW_SECONDS - 1)
    const tags = [
      ['e', note.id],
      ['a', `30023:${alice}:a`],
    ]
    await put([
      testEvent({ tags }),
      // Older than what it names, which therefore stays.
      testEvent({ kind: 62, tags, created_at: NOW_SECONDS - 2 }),
      testEvent({ kind: 6, tags }),
      note,
      version,
    ])
    expect(new Set(await find({ until: NOW_SECONDS - 1, kinds: [1, 30_023] }))).toEqual(
      new Set(idsOf(note, version)),
    )
  })
}

function deletionOfGiftWraps(claim: Claim): void {
  const wrap = testEvent({
    kind: 1059,
    pubkey: carol,
    tags: [['p', bob], ['p', alice, 'wss://relay'], ['p']],
  })

  claim('a gift wrap goes by each recipient it names (D-17, NIP-59)', async ({ put, find }) => {
    for (const pubkey of [alice, bob]) {
      const own = testEvent({ kind: 1059, pubkey: carol, tags: [['p', pubkey]], content: `to ${pubkey}` })
      await put([own, deletion([['e', own.id]], { pubkey })])
      expect(await find({ kinds: [1059] })).toEqual([])
      expect(await put([own])).toEqual(['deleted'])
    }
    await put([wrap, deletion([['e', wrap.id]])])
    expect(await find({ kinds: [1059] })).toEqual([])
  })

  claim("a recipient's deletion may come before the gift wrap", async ({ put }) => {
    await put([deletion([['e', wrap.id]])])
    expect(await put([wrap])).toEqual(['deleted'])
  })

  claim('a gift wrap stays when a stranger names it', async ({ put, find }) => {
    const forBob = testEvent({
      kind: 1059,
      pubkey: carol,
      tags: [
        ['p', bob, alice],
        ['P', alice],
        ['p', ''],
      ],
    })
    await put([forBob, deletion([['e', forBob.id]])])
    expect(await find({ kinds: [1059] })).toEqual([forBob.id])
  })

  claim('a recipient may delete gift wraps only', async ({ put, find }) => {
    const mention = testEvent({ pubkey: bob, tags: [['p', alice]] })
    const sealed = testEvent({ kind: 13, pubkey: bob, tags: [['p', alice]] })
    const request = deletion([
      ['e', mention.id],
      ['e', sealed.id],
    ])
    await put([mention, request, sealed])
    expect(new Set(await find({ kinds: [1, 13] }))).toEqual(new Set(idsOf(mention, sealed)))
  })
}
