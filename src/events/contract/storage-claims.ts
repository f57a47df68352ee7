import { expect } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { bytesOf, drain, NOW_SECONDS, pubkeyOf, testEvent } from '../testing/index.ts'
import type { Claim } from './claim.ts'

export function storageClaims(claim: Claim): void {
  claim('an event comes back as the very bytes it was put as', async ({ store, put }) => {
    const note = testEvent({ content: 'hello', tags: [['t', 'nostr', 'more'], ['t', 'nostr'], ['d']] })
    await put([note])
    const page = await store.query([{ ids: [note.id] }], NOW_SECONDS).next(10)
    expect({ count: page.count, done: page.done }).toEqual({ count: 1, done: true })
    const bytes = Buffer.from(bytesOf(note))
    const target = Buffer.alloc(bytes.length + 10, '.')
    expect(page.byteLengthAt(0)).toBe(bytes.length)
    expect(page.viewAt(0).equals(bytes)).toBe(true)
    expect(page.copyAt(0, target, 4)).toBe(bytes.length)
    expect(target).toEqual(Buffer.concat([Buffer.from('....'), bytes, Buffer.from('......')]))
  })

  for (const [what, event] of Object.entries(awkwardEvents())) {
    claim(`${what} come back unchanged`, async ({ store, put }) => {
      expect(await put([event])).toEqual(['stored'])
      const texts = await drain(store.query([{ ids: [event.id] }], NOW_SECONDS), [10])
      expect(texts).toEqual([Buffer.from(bytesOf(event)).toString()])
    })
  }

  claim('what the caller does to its bytes afterwards does not reach the store', async ({ store, find }) => {
    const note = testEvent()
    const bytes = bytesOf(note)
    await store.put([bytes], NOW_SECONDS)
    bytes.fill(0)
    expect(await find({})).toEqual([note.id])
  })

  claim('the same event again is a duplicate, however often it comes', async ({ put, find, store }) => {
    const note = testEvent()
    expect(await put([note])).toEqual(['stored'])
    expect(await put([note])).toEqual(['duplicate'])
    expect(await put([note])).toEqual(['duplicate'])
    expect(await find({})).toEqual([note.id])
    expect(store.stats().events).toBe(1)
  })

  claim('has tells what is stored', async ({ store, put }) => {
    const [stored, unknown] = [testEvent(), testEvent({ content: 'other' })]
    await put([stored])
    expect(await store.has(stored.id)).toBe(true)
    expect(await store.has(unknown.id)).toBe(false)
  })

  claim('seq rises by one with every event stored, and with no other', async ({ store, put }) => {
    const notes = ['a', 'b', 'c'].map((content) => testEvent({ content }))
    const before = store.stats().lastSeq
    const outcomes = await store.put([...notes.slice(0, 2), ...notes].map(bytesOf), NOW_SECONDS)
    expect(outcomes).toEqual([
      { status: 'stored', seq: before + 1 },
      { status: 'stored', seq: before + 2 },
      { status: 'duplicate' },
      { status: 'duplicate' },
      { status: 'stored', seq: before + 3 },
    ])
    expect(store.stats().lastSeq).toBe(before + 3)
    await put([testEvent({ kind: 20_000 })])
    expect(store.stats().lastSeq).toBe(before + 3)
  })

  claim('an empty store answers every question', async ({ store, put, find, count }) => {
    expect(await put([])).toEqual([])
    expect(await find({})).toEqual([])
    expect(await count({})).toBe(0)
    expect(await store.remove(['0'.repeat(64)])).toBe(0)
    expect(await store.sweepExpired(NOW_SECONDS)).toBe(0)
    expect(store.stats().events).toBe(0)
  })
}

/** Events that a careless encoding would change; what they hold is said by their names. */
function awkwardEvents(): Readonly<Record<string, NostrEvent>> {
  const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('')
  const astral = '😀𝒳\u{10ffff}\ufdd0\ufffe\u2028\u2029\ufeffe\u0301'
  return {
    'all control characters': testEvent({ content: controls, tags: [['t', controls]] }),
    'quotes, backslashes and DEL': testEvent({ content: '"\\"\\\\/\u007f', tags: [['t', '"],["e","\\']] }),
    'astral and unassigned characters': testEvent({ content: astral, tags: [['t', astral]] }),
    'JSON inside the content': testEvent({ content: JSON.stringify(testEvent({ content: '"id":"' })) }),
    'tags of one and of many members': testEvent({ tags: [['t'], ['t', ''], ['', ''], Array(20).fill('x')] }),
    'tag values of 10 KB': testEvent({ tags: [['t', 'é"'.repeat(5_000)]] }),
    'contents of 256 KB': testEvent({ content: 'x\n'.repeat(128 * 1024) }),
    'follow lists of 2,000 people': testEvent({
      kind: 3,
      tags: Array.from({ length: 2_000 }, (_, n) => ['p', pubkeyOf(`followed ${n}`)]),
    }),
    'dates at the beginning of time': testEvent({ created_at: 0 }),
    'dates beyond 32 bits': testEvent({ created_at: 2 ** 32 }),
    'dates at the end of time': testEvent({ created_at: Number.MAX_SAFE_INTEGER }),
  }
}
