/** The judge of the crash test is judged itself: it must see every kind of broken promise, and forgive what is right. */
import { expect, test } from 'vitest'
import { authorNamed, eventBy } from './authors.ts'
import { brokenPromises, type Told } from './crash-verdict.ts'

const [alice, bob] = [authorNamed('alice'), authorNamed('bob')]
const older = eventBy(alice, { kind: 0, created_at: 10 })
const newer = eventBy(alice, { kind: 0, created_at: 11 })
const note = eventBy(alice, { created_at: 10 })
const deletion = eventBy(alice, { kind: 5, created_at: 5, tags: [['e', note.id]] })
const foreign = eventBy(bob, { kind: 5, created_at: 20, tags: [['e', note.id]] })
const article = eventBy(alice, { kind: 30_023, created_at: 10, tags: [['d', 'x']] })
const address = `30023:${alice.pubkey}:x`

function told(event: Told['event'], isAccepted = true, wasInFlight = false): Told {
  return { event, isAccepted, wasInFlight }
}

function addressDeletion(created_at: number) {
  return eventBy(alice, { kind: 5, created_at, tags: [['a', address]] })
}

test('a store that holds what it promised has broken nothing', () => {
  expect(brokenPromises([told(note), told(newer), told(older, false)], [note, newer])).toEqual([])
  expect(brokenPromises([], [])).toEqual([])
})

test('an event may give way to a newer version, to none other', () => {
  expect(brokenPromises([told(older), told(newer)], [newer])).toEqual([])
  expect(brokenPromises([told(older), told(newer)], [older])).toHaveLength(1)
  expect(brokenPromises([told(older)], [])).toEqual([expect.stringContaining('is gone')])
  expect(brokenPromises([told(older), told(newer, false)], [])).toHaveLength(1)
})

test('a version that was in flight at a kill may have taken the place, and been deleted since', () => {
  const undone = eventBy(alice, { kind: 5, created_at: 5, tags: [['e', newer.id]] })
  expect(brokenPromises([told(older), told(newer, false, true), told(undone)], [undone])).toEqual([])
})

test('an event may be deleted by its author, at any time by id, and by address up to the time of the deletion', () => {
  expect(brokenPromises([told(note), told(deletion)], [deletion])).toEqual([])
  expect(brokenPromises([told(note), told(foreign)], [foreign])).toHaveLength(1)
  const [later, earlier] = [addressDeletion(10), addressDeletion(9)]
  expect(brokenPromises([told(article), told(later)], [later])).toEqual([])
  expect(brokenPromises([told(article), told(earlier)], [earlier])).toHaveLength(1)
})

test('a deletion is never gone', () => {
  const ofDeletion = eventBy(alice, { kind: 5, created_at: 30, tags: [['e', deletion.id]] })
  expect(brokenPromises([told(deletion), told(ofDeletion)], [ofDeletion])).toHaveLength(1)
})

test('what is stored against the rules is seen', () => {
  expect(brokenPromises([told(note), told(deletion)], [note, deletion])).toHaveLength(1)
  expect(brokenPromises([told(older), told(newer)], [older, newer])).toHaveLength(1)
  expect(brokenPromises([told(note, false)], [note])).toHaveLength(1)
  expect(brokenPromises([told(note)], [note, { ...note }])).toHaveLength(1)
  expect(brokenPromises([told(note)], [{ ...note, content: 'changed' }])).toHaveLength(1)
  expect(brokenPromises([{ ...told(note), isAccepted: undefined }], [note])).toHaveLength(1)
})
