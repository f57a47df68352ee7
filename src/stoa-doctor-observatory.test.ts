import { expect, test } from 'vitest'
import type { ObservatoryFacts } from './console/index.ts'
import { ofFacts } from './stoa-doctor-observatory.ts'

const NOW = 1_800_000_000
const FACTS: ObservatoryFacts = {
  watch: 'network',
  region: 'home',
  state: 'keeping',
  isKeeper: true,
  hasKeeper: true,
  figures: {
    from: 'engine',
    atSeconds: NOW,
    relaysProven: 250,
    relaysWatched: 240,
    relaysConnected: 200,
    relaysCandidate: 9,
    events24h: 5,
  },
  snapshotAtSeconds: NOW - 60,
  delivery: { isJournalFull: false, journalBytes: 0, failuresInARow: 0 },
  waitingBatches: 1,
  setAsideBatches: 0,
  offences: {},
  collectors: [],
}
const LONG_UP = { nowSeconds: NOW, upSeconds: 100_000, snapshotSeconds: 300 }

test('an observatory that works is told in one breath', () => {
  expect(ofFacts(FACTS, LONG_UP)).toEqual({
    said: [
      'watches the network: 200 of 240 relays connected, 250 proven',
      'the figures are kept by this process',
      'written 60 seconds ago',
    ],
    wrong: [],
  })
})

test.each<[string, Partial<ObservatoryFacts>, RegExp]>([
  ['no keeper', { hasKeeper: false, isKeeper: false }, /no process keeps the figures/],
  ['old figures', { snapshotAtSeconds: NOW - 901 }, /not written any more/],
  ['few relays', { figures: { ...FACTS.figures!, relaysConnected: 119 } }, /fewer than half/],
  ['a backlog', { waitingBatches: 601 }, /601 deliveries wait/],
  ['what could not be counted', { setAsideBatches: 2 }, /2 deliveries could not be counted/],
  ['a state that cannot be read back', { unreadableState: 'cut short' }, /cut short.*begin-anew/],
  [
    'a checkpoint that was damaged',
    { checkpointSetAsideAtSeconds: NOW },
    /damaged checkpoint.*2027.*nothing was lost/,
  ],
  ['a full journal', { delivery: { isJournalFull: true, journalBytes: 9 } }, /journal is full \(9 bytes\)/],
  [
    'a database that is away',
    { delivery: { failuresInARow: 3, lastError: 'gone' } },
    /deliveries fail \(gone\)/,
  ],
  ['a thread that falls', { state: 'restarting', reason: 'out of memory' }, /out of memory/],
])('%s is told, with what to do', (_what, change, text) => {
  const { wrong } = ofFacts({ ...FACTS, ...change }, LONG_UP)
  expect(wrong).toEqual([expect.stringMatching(text)])
})

test('a program that has just started has not failed yet', () => {
  const young = { ...FACTS, hasKeeper: false, isKeeper: false, snapshotAtSeconds: NOW - 90_000 }
  expect(ofFacts(young, { ...LONG_UP, upSeconds: 5 }).wrong).toEqual([])
})
