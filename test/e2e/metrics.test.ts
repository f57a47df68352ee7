/** What clients do is in the numbers of `/metrics`, whichever thread they were served by. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { authorNamed, eventBy } from './authors.ts'
import { EventClient } from './event-client.ts'
import { Stage } from './stoa-process.ts'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

const alice = authorNamed('alice')
/** Threads tell of their numbers every second. */
const PATIENCE = { timeout: 20_000, interval: 100 }

describe.each([1, 3])('with %i thread(s)', (threads) => {
  test('each EVENT and REQ is counted once, by what became of it and by how long it took', async () => {
    const stoa = await stage.start({ threads })
    const [one, other] = await Promise.all([EventClient.open(stoa.url), EventClient.open(stoa.url)])
    const [first, second] = [eventBy(alice, { content: 'one' }), eventBy(alice, { content: 'two' })]
    await one.publish(first)
    await other.publish(second)
    await other.publish(first)
    await one.publish({ ...eventBy(alice, { content: 'three' }), sig: first.sig })
    await one.query({ kinds: [1] })
    await other.query({ kinds: [1] })
    await vi.waitFor(async () => expect(await stoa.samples()).toMatchObject(EXPECTED), PATIENCE)
  })

  test('a policy is named by what it has said', async () => {
    const stoa = await stage.start({ threads, env: { STOA_RELAY__LIMITS__MAX_EVENT_TAGS: '1' } })
    const client = await EventClient.open(stoa.url)
    const refused = await client.publish(
      eventBy(alice, {
        tags: [
          ['t', 'a'],
          ['t', 'b'],
        ],
      }),
    )
    expect(refused?.isAccepted).toBe(false)
    await vi.waitFor(async () => {
      const samples = await stoa.samples()
      const refusals = Object.entries(samples).filter(
        ([series, value]) => /^stoa_policies_verdicts_total\{.*verdict="refused"/.test(series) && value > 0,
      )
      expect(refusals.map(([, value]) => value)).toEqual([1])
    }, PATIENCE)
  })
})

const EXPECTED = {
  'stoa_relay_events_total{result="stored"}': 2,
  'stoa_relay_events_total{result="duplicate"}': 1,
  'stoa_relay_events_total{result="refused"}': 1,
  'stoa_relay_refusals_total{reason="invalid"}': 1,
  'stoa_relay_refusals_total{reason="other"}': 0,
  'stoa_relay_checks_total{result="good"}': 2,
  'stoa_relay_checks_total{result="wrong-signature"}': 1,
  stoa_relay_event_duration_seconds_count: 2,
  'stoa_relay_event_duration_seconds_bucket{le="+Inf"}': 2,
  stoa_relay_query_duration_seconds_count: 2,
  stoa_relay_served_total: 4,
  stoa_store_group_events_total: 2,
  stoa_store_group_duration_seconds_count: 2,
  stoa_store_events: 2,
  'stoa_store_queue_entries{queue="writes"}': 0,
  stoa_relay_events_waiting: 0,
  'stoa_bus_up{kind="memory"}': 1,
  'stoa_component_status{component="relay",status="ok"}': 1,
} as const
