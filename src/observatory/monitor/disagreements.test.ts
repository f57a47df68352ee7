import { expect, test } from 'vitest'
import { disagreementsOf, type MonitorFacts, type OurFacts } from './disagreements.ts'
import type { MonitoredRelay } from './monitored-relay.ts'
import type { RelayTimes } from './probe-relay.ts'
import { INFORMATION, monitoredRelay } from './testing/monitored-relay.ts'

const NOW = 1_800_000_000
const theirs = (differs: Partial<MonitorFacts> = {}): MonitorFacts => ({
  atSeconds: NOW - 600,
  rttOpenMs: 150,
  rttReadMs: undefined,
  rttWriteMs: undefined,
  nips: [1, 11],
  requirements: new Map([['auth', false]]),
  ...differs,
})

const ours = (differs: Partial<MonitoredRelay> = {}, times: RelayTimes = {}): OurFacts => ({
  relay: monitoredRelay(differs),
  times: { openMs: 120, readMs: 40, ...times },
})

test('who says the same, or says nothing, does not disagree', () => {
  expect(disagreementsOf(theirs(), ours(), NOW)).toEqual([])
  const silent = theirs({ rttOpenMs: undefined, nips: [], requirements: new Map() })
  expect(disagreementsOf(silent, ours(), NOW)).toEqual([])
  expect(disagreementsOf(theirs({ nips: [50] }), ours({ information: undefined }), NOW)).toEqual([])
})

test('times that differ more than threefold, either way, but not by a few milliseconds', () => {
  expect(disagreementsOf(theirs({ rttOpenMs: 361, rttReadMs: 10 }), ours(), NOW)).toEqual([
    'It measured 361 ms to open a connection, we 120 ms.',
    'It measured 10 ms to answer a question, we 40 ms.',
  ])
  expect(disagreementsOf(theirs({ rttOpenMs: 360 }), ours(), NOW)).toEqual([])
  expect(disagreementsOf(theirs({ rttOpenMs: 2 }), ours({}, { openMs: 29 }), NOW)).toEqual([])
  expect(disagreementsOf(theirs({ rttWriteMs: 400 }), ours({}, { writeMs: 50 }), NOW)).toEqual([
    'It measured 400 ms to take an event, we 50 ms.',
  ])
  expect(disagreementsOf(theirs({ rttWriteMs: 400 }), ours(), NOW)).toEqual([])
})

test('online for it and down for us, and the other way round', () => {
  expect(disagreementsOf(theirs(), ours({ state: 'waiting' }), NOW)).toEqual([
    'It saw the relay online 10 min ago; we cannot reach it.',
  ])
  const old = theirs({ atSeconds: NOW - 3 * 86_400 })
  expect(disagreementsOf(old, ours({ state: 'waiting' }), NOW)).toEqual([])
  expect(disagreementsOf(old, ours(), NOW)).toEqual([
    'It saw the relay online 3 days ago and not since; we are connected to it.',
  ])
  expect(disagreementsOf(old, ours({ state: 'connecting' }), NOW)).toEqual([])
})

test('NIPs that only one of the two knows', () => {
  expect(disagreementsOf(theirs({ nips: [1, 42, 50] }), ours(), NOW)).toEqual([
    'It says the relay has NIPs 42, 50; the relay does not tell us so.',
    'The relay tells us that it has NIP 11; the monitor does not say so.',
  ])
  const many = disagreementsOf(theirs({ nips: Array.from({ length: 30 }, (_, n) => n) }), ours(), NOW)
  expect(many[0]).toContain('0, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 18 more')
})

test('payment and authentication', () => {
  const strict = theirs({ requirements: new Map(Object.entries({ auth: true, payment: true })) })
  expect(disagreementsOf(strict, ours(), NOW)).toEqual([
    'It says that the relay requires payment; the relay tells us that it does not.',
    'It says that the relay requires authentication; the relay tells us that it does not.',
  ])
  const paid = ours({ information: { ...INFORMATION, needsPayment: true } })
  expect(disagreementsOf(theirs({ requirements: new Map([['payment', false]]) }), paid, NOW)).toEqual([
    'It says that the relay requires no payment; the relay tells us that it does.',
  ])
})
