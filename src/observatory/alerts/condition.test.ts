import { expect, test } from 'vitest'
import { percentChange, readyCondition } from './condition.ts'
import { indexSnapshot } from './figure.ts'
import { RelayWatch } from './relay-watch.ts'
import type { AlertCondition } from './shapes.ts'
import { NOW } from './testing/index.ts'
import { testRelay, testSnapshot } from './testing/snapshots.ts'

const RELAY = 'wss://relay.example'

function judge(
  condition: AlertCondition,
  snapshot = testSnapshot(),
  then?: number,
  relays = new RelayWatch(),
) {
  const ready = readyCondition(condition)
  if (!ready.ok) throw new Error(ready.refusal)
  return ready.value.judge({ figures: indexSnapshot(snapshot), relays, past: () => then })
}

test('a threshold is crossed above it or below it, not at it', () => {
  const at = (events: number, is: 'above' | 'below') =>
    judge({ type: 'threshold', figure: 'events', is, value: 10 }, testSnapshot({ events })).isMet
  expect([at(11, 'above'), at(10, 'above'), at(10, 'below'), at(9, 'below')]).toEqual([
    true,
    false,
    false,
    true,
  ])
})

test('an amount is compared exactly beyond what a number can hold', () => {
  const zaps = { count: 1, msat: 2n ** 53n + 1n, checkedCount: 0, checkedMsat: 0n }
  const condition = { type: 'threshold', figure: 'zaps.msat', is: 'above', value: 2 ** 53 } as const
  expect(judge(condition, testSnapshot({ zaps })).isMet).toBe(true)
})

test('of what was not measured nothing is said', () => {
  expect(judge({ type: 'threshold', figure: 'latencyP95Ms', is: 'above', value: 1 }).isMet).toBeUndefined()
  const change = { type: 'change', figure: 'events', direction: 'any', percent: 5, minutes: 60 } as const
  expect(judge(change).isMet).toBeUndefined()
  expect(judge({ type: 'relay-slow', relay: RELAY, ms: 10 }).isMet).toBeUndefined()
  expect(judge({ type: 'relay-down', relay: RELAY, minutes: 0 }).isMet).toBeUndefined()
})

test.each([
  [100, 120, 'up', true],
  [100, 110, 'up', false],
  [100, 80, 'up', false],
  [100, 80, 'down', true],
  [100, 80, 'any', true],
  [0, 1, 'up', true],
  [0, 1, 'down', false],
  [0, 0, 'any', false],
] as const)('from %i to %i is a change %s by more than 10 %%: %s', (then, events, direction, isMet) => {
  const condition = { type: 'change', figure: 'events', direction, percent: 10, minutes: 60 } as const
  expect(judge(condition, testSnapshot({ events }), then).isMet).toBe(isMet)
})

test('a change is a share of what was', () => {
  expect([percentChange(50, 75), percentChange(-50, -75), percentChange(0, 3)]).toEqual([50, -50, Infinity])
})

test('a relay is down when it was not connected for so long, without a break', () => {
  const relays = new RelayWatch()
  const down = { type: 'relay-down', relay: RELAY, minutes: 5 } as const
  const see = (state: 'live' | 'waiting', after: number) => {
    const snapshot = testSnapshot({ atSeconds: NOW + after, relays: [testRelay(`${RELAY}/`, { state })] })
    relays.note(snapshot)
    return judge(down, snapshot, undefined, relays).isMet
  }
  expect([see('live', 0), see('waiting', 10), see('waiting', 309), see('waiting', 310)]).toEqual([
    false,
    false,
    false,
    true,
  ])
  expect([see('live', 311), see('waiting', 312), see('waiting', 611), see('waiting', 612)]).toEqual([
    false,
    false,
    false,
    true,
  ])
})

test('while we are connected to no relay at all, none is down', () => {
  const relays = new RelayWatch()
  const { coverage } = testSnapshot()
  for (const after of [0, 400]) {
    relays.note(
      testSnapshot({
        atSeconds: NOW + after,
        coverage: { ...coverage, relaysConnected: 0 },
        relays: [testRelay(RELAY, { state: 'waiting' })],
      }),
    )
  }
  const condition = { type: 'relay-down', relay: RELAY, minutes: 5 } as const
  expect(judge(condition, testSnapshot({ atSeconds: NOW + 400 }), undefined, relays).isMet).toBeUndefined()
})

test('what a condition names is stored in one spelling', () => {
  const ready = readyCondition({ type: 'relay-up', relay: 'WSS://Relay.Example:443/', minutes: 0 })
  expect(ready.ok && ready.value.condition).toEqual({ type: 'relay-up', relay: RELAY, minutes: 0 })
  expect(readyCondition({ type: 'relay-up', relay: 'relay.example', minutes: 0 })).toMatchObject({
    ok: false,
  })
})
