import { expect, test } from 'vitest'
import { decidePut, type StoredView } from './rules.ts'
import { alice, bob, carol, NOW_SECONDS, testEvent } from './testing/index.ts'

/** A view of an empty store, but for what a test says is there. */
function viewWith(known: Partial<StoredView>): StoredView {
  return {
    has: () => false,
    versionsAt: () => [],
    find: () => undefined,
    deletionsNaming: () => [],
    newestAddressDeletion: () => undefined,
    vanishedUntil: () => undefined,
    eventsUpTo: () => [],
    giftWrapsFor: () => [],
    ...known,
  }
}

/** A view that fails the test when it is asked anything. */
const untouched: StoredView = {
  has: () => expect.fail('asked has'),
  versionsAt: () => expect.fail('asked versionsAt'),
  find: () => expect.fail('asked find'),
  deletionsNaming: () => expect.fail('asked deletionsNaming'),
  newestAddressDeletion: () => expect.fail('asked newestAddressDeletion'),
  vanishedUntil: () => expect.fail('asked vanishedUntil'),
  eventsUpTo: () => expect.fail('asked eventsUpTo'),
  giftWrapsFor: () => expect.fail('asked giftWrapsFor'),
}

const refusal = (status: string) => ({ action: 'refuse', outcome: { status } })
const stored = (...removes: readonly string[]) => ({ action: 'store', removes })

test('a regular event nobody speaks about is stored and removes nothing', () => {
  expect(decidePut(testEvent(), viewWith({}), NOW_SECONDS)).toEqual(stored())
})

test('ephemeral and expired events are refused without a look at the store', () => {
  expect(decidePut(testEvent({ kind: 20_001 }), untouched, NOW_SECONDS)).toEqual(refusal('ephemeral'))
  const expired = testEvent({ tags: [['expiration', `${NOW_SECONDS}`]] })
  expect(decidePut(expired, untouched, NOW_SECONDS)).toEqual(refusal('expired'))
})

test('an event both duplicate and expired is expired, one both ephemeral and expired is ephemeral', () => {
  const tags = [['expiration', '1']]
  const duplicates = viewWith({ has: () => true })
  expect(decidePut(testEvent({ tags }), duplicates, NOW_SECONDS)).toEqual(refusal('expired'))
  expect(decidePut(testEvent({ tags, kind: 20_001 }), duplicates, NOW_SECONDS)).toEqual(refusal('ephemeral'))
})

test('a version removes every stored version it beats, should there be several', () => {
  const event = testEvent({ kind: 10_002 })
  const versions = ['1', '2'].map((digit) => ({ id: digit.repeat(64), created_at: NOW_SECONDS - 1 }))
  const view = viewWith({ versionsAt: (address) => (address === `10002:${alice}:` ? versions : []) })
  expect(decidePut(event, view, NOW_SECONDS)).toEqual(stored(...versions.map(({ id }) => id)))
})

test('one better version is enough to be superseded', () => {
  const event = testEvent({ kind: 10_002 })
  const versions = [
    { id: 'f'.repeat(64), created_at: NOW_SECONDS - 1 },
    { id: 'f'.repeat(64), created_at: NOW_SECONDS + 1 },
  ]
  expect(decidePut(event, viewWith({ versionsAt: () => versions }), NOW_SECONDS)).toEqual(
    refusal('superseded'),
  )
})

test('of one second the lowest id wins', () => {
  const event = testEvent({ kind: 10_002 })
  const versionWithId = (id: string) => viewWith({ versionsAt: () => [{ id, created_at: NOW_SECONDS }] })
  expect(decidePut(event, versionWithId('0'.repeat(64)), NOW_SECONDS)).toEqual(refusal('superseded'))
  expect(decidePut(event, versionWithId('f'.repeat(64)), NOW_SECONDS)).toEqual(stored('f'.repeat(64)))
})

test('a deleted event is told so even when a newer version is stored (D-05)', () => {
  const view = viewWith({
    deletionsNaming: () => [bob, alice],
    versionsAt: () => [{ id: '0'.repeat(64), created_at: NOW_SECONDS + 1 }],
  })
  expect(decidePut(testEvent({ kind: 10_002 }), view, NOW_SECONDS)).toEqual(refusal('deleted'))
})

test('only the author, or the recipient of a gift wrap, is heard (D-07, D-17)', () => {
  const namedByAlice = viewWith({ deletionsNaming: () => [alice] })
  const decide = (kind: number) =>
    decidePut(testEvent({ kind, pubkey: bob, tags: [['p', alice]] }), namedByAlice, 0)
  expect(decide(1)).toEqual(stored())
  expect(decide(1059)).toEqual(refusal('deleted'))
})

test('deletions and requests to vanish are deaf to deletions (D-15, D-16)', () => {
  const view = viewWith({ deletionsNaming: () => [alice] })
  for (const kind of [5, 62]) expect(decidePut(testEvent({ kind }), view, NOW_SECONDS)).toEqual(stored())
})

test("the deletion of an address is asked of the event's own author and holds through its second", () => {
  const event = testEvent({ kind: 30_023, pubkey: bob, tags: [['d', 'a:b']] })
  const deletedUntil = (seconds: number) =>
    viewWith({
      newestAddressDeletion: (address, pubkey) =>
        address === `30023:${bob}:a:b` && pubkey === bob ? seconds : undefined,
    })
  expect(decidePut(event, deletedUntil(NOW_SECONDS), NOW_SECONDS)).toEqual(refusal('deleted'))
  expect(decidePut(event, deletedUntil(NOW_SECONDS - 1), NOW_SECONDS)).toEqual(stored())
})

test('a deletion removes what is stored of its targets, each once, and nothing it may not', () => {
  const [own, foreign, unseen, request] = ['1', '2', '3', '4'].map((digit) => digit.repeat(64))
  const targets = new Map([
    [own, { pubkey: alice, kind: 1, tags: [] }],
    [foreign, { pubkey: carol, kind: 1, tags: [['p', alice]] }],
    [request, { pubkey: alice, kind: 5, tags: [] }],
  ])
  const view = viewWith({
    find: (id) => targets.get(id),
    versionsAt: () => [
      { id: own!, created_at: NOW_SECONDS },
      { id: '5'.repeat(64), created_at: NOW_SECONDS + 1 },
    ],
  })
  const tags = [...[own!, foreign!, unseen!, request!].map((id) => ['e', id]), ['a', `30023:${alice}:a`]]
  expect(decidePut(testEvent({ kind: 5, tags }), view, NOW_SECONDS)).toEqual(stored(own!))
})

test('an event of a vanished key is refused through the second of the request, of whatever kind (V-06, V-09)', () => {
  const vanishedUntil = (seconds: number) =>
    viewWith({ vanishedUntil: (pubkey) => (pubkey === bob ? seconds : undefined) })
  for (const kind of [1, 5, 62, 10_002, 30_023]) {
    const event = testEvent({ kind, pubkey: bob })
    expect(decidePut(event, vanishedUntil(NOW_SECONDS), NOW_SECONDS)).toEqual(refusal('vanished'))
    expect(decidePut(event, vanishedUntil(NOW_SECONDS - 1), NOW_SECONDS)).toEqual(stored())
  }
  expect(decidePut(testEvent(), vanishedUntil(NOW_SECONDS), NOW_SECONDS)).toEqual(stored())
})

test('a gift wrap is refused as well when one of its recipients has vanished, and nothing else that names them', () => {
  const decide = (kind: number, created_at: number, ...tags: string[][]) => {
    const view = viewWith({ vanishedUntil: (pubkey) => (pubkey === bob ? NOW_SECONDS : undefined) })
    return decidePut(testEvent({ kind, created_at, tags }), view, NOW_SECONDS)
  }
  expect(decide(1059, NOW_SECONDS, ['p'], ['p', alice], ['p', bob])).toEqual(refusal('vanished'))
  expect(decide(1059, NOW_SECONDS + 1, ['p', bob])).toEqual(stored())
  expect(decide(1059, NOW_SECONDS, ['p', alice, bob], ['P', bob])).toEqual(stored())
  expect(decide(1, NOW_SECONDS, ['p', bob])).toEqual(stored())
})

test('vanished comes after ephemeral, expired and duplicate, and before deleted and superseded', () => {
  const everything = {
    vanishedUntil: () => NOW_SECONDS,
    deletionsNaming: () => [alice],
    versionsAt: () => [{ id: '0'.repeat(64), created_at: NOW_SECONDS + 1 }],
  }
  const expired = [['expiration', '1']]
  const decide = (fields: Parameters<typeof testEvent>[0], isStored: boolean) =>
    decidePut(testEvent(fields), viewWith({ ...everything, has: () => isStored }), NOW_SECONDS)
  expect(decide({ kind: 20_001, tags: expired }, true)).toEqual(refusal('ephemeral'))
  expect(decide({ kind: 10_002, tags: expired }, true)).toEqual(refusal('expired'))
  expect(decide({ kind: 10_002 }, true)).toEqual(refusal('duplicate'))
  expect(decide({ kind: 10_002 }, false)).toEqual(refusal('vanished'))
})

test('a request to vanish removes what its author wrote and was sent until then, each once (V-02, V-05)', () => {
  const [note, own, sent] = ['1', '2', '3'].map((digit) => digit.repeat(64))
  const isAsked = (pubkey: string, seconds: number) => pubkey === alice && seconds === NOW_SECONDS
  const view = viewWith({
    eventsUpTo: (pubkey, seconds) => (isAsked(pubkey, seconds) ? [note!, own!] : []),
    giftWrapsFor: (pubkey, seconds) => (isAsked(pubkey, seconds) ? [sent!, own!] : []),
  })
  expect(decidePut(testEvent({ kind: 62 }), view, NOW_SECONDS)).toEqual(stored(note!, own!, sent!))
})
