/** What NIP-11 shows of the proof of work, asked of a real relay over its port. */
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createManualClock } from '../kernel/index.ts'
import { NOW_SECONDS, testEvent, testSettings } from './policies/testing/policy-kit.ts'
import type { RelaySettings } from './settings.ts'
import { startLonelyRelay } from './testing/index.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function relayWith(settings: RelaySettings) {
  const clock = createManualClock(NOW_SECONDS * 1_000)
  const relay = await startLonelyRelay({ settings, clock })
  cleanUps.push(() => relay.stop())
  const socket = new WebSocket(`ws://127.0.0.1:${relay.port}`)
  await once(socket, 'open')
  cleanUps.push(() => socket.terminate())
  /** How much work an event with none is asked for, by the text that refuses it; 0 when work is not the reason. */
  const asked = async (): Promise<number> => {
    socket.send(JSON.stringify(['EVENT', testEvent({ id: 'f'.repeat(64), sig: '0'.repeat(128) })]))
    const [data] = (await once(socket, 'message')) as [Buffer]
    return Number(/less than (\d+)/.exec(data.toString())?.[1] ?? 0)
  }
  const shown = async () => {
    const headers = { accept: 'application/nostr+json' }
    const answer = await fetch(`http://127.0.0.1:${relay.port}/`, { headers })
    const { limitation, supported_nips: nips } = (await answer.json()) as {
      limitation: { min_pow_difficulty: number }
      supported_nips: readonly number[]
    }
    return { bits: limitation.min_pow_difficulty, hasNip13: nips.includes(13) }
  }
  return { relay, clock, asked, shown }
}

test('the minimum that is shown is the one that is asked for, after a change of settings too', async () => {
  const { relay, asked, shown } = await relayWith(testSettings({ limits: { minPowDifficulty: 7 } }))
  expect(await shown()).toEqual({ bits: 7, hasNip13: true })
  expect(await asked()).toBe(7)
  relay.obey({ do: 'configure', settings: { ...testSettings(), port: relay.port } })
  expect(await shown()).toEqual({ bits: 0, hasNip13: false })
  expect(await asked()).toBe(0)
})

test('under load NIP-11 shows the difficulty of this moment, up and down, and it is the one asked for', async () => {
  const work = { startDifficulty: 12, maxDifficulty: 17, aboveEventsPerSecond: 1 }
  const { clock, asked, shown } = await relayWith(testSettings({ policies: { work } }))
  expect(await shown()).toEqual({ bits: 0, hasNip13: false })
  for (let sent = 0; sent < 40; sent++) await asked()
  clock.advanceSeconds(1)
  const { bits } = await shown()
  expect(bits).toBe(16)
  expect(await asked()).toBe(bits)
  clock.advanceSeconds(12)
  const later = await shown()
  expect(later).toEqual({ bits: 4, hasNip13: true })
  expect(await asked()).toBe(later.bits)
  clock.advanceSeconds(3_600)
  expect(await shown()).toEqual({ bits: 0, hasNip13: false })
})
