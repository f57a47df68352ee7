import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { ALICE, openTestAlerts, type Receiver, startReceiver } from './testing/index.ts'
import { stepSnapshot } from './testing/steps.ts'

const CHILD = fileURLToPath(new URL('./testing/observe-child.ts', import.meta.url))
const KILLS = 3
const STEPS_AT_ONCE = 20

vi.setConfig({ testTimeout: 180_000 })

let database: Database
let receiver: Receiver
beforeAll(async () => {
  database = await testDatabase()
  receiver = await startReceiver()
})
afterAll(async () => {
  await receiver.close()
  await database.close()
})

test('whatever happens to a rule is told once, though the process is killed while it decides, writes and sends', async () => {
  const rig = await openTestAlerts(database, { sends: false })
  const hook = await rig.alerts.webhooks.create(ALICE, { url: receiver.url, topics: [] })
  if (!hook.ok) throw new Error(hook.refusal.text)
  const rule = await rig.alerts.rules.create(ALICE, {
    name: 'many events',
    range: '24h',
    condition: { type: 'threshold', figure: 'events', is: 'above', value: 10 },
    channels: [{ type: 'webhook', webhook: hook.value.webhook.id }],
    clearAfterSeconds: 30,
    quietSeconds: 0,
  })
  expect(rule.ok).toBe(true)
  await rig.stop()
  let next = 0
  for (let kill = 0; kill < KILLS; kill++)
    next = await killAfter(next, STEPS_AT_ONCE + Math.floor(Math.random() * 10))

  const after = await openTestAlerts(database)
  for (let step = next; step < next + 3; step++) await after.alerts.observe(stepSnapshot(step))
  const history = await after.alerts.history({ owner: ALICE, limit: 500 })
  // Each step of the plan that must begin or end something did, and nothing else is in there: they alternate.
  const whats = history.map(({ what }) => what).toReversed()
  expect(whats.length).toBeGreaterThan((KILLS * STEPS_AT_ONCE) / 3)
  expect(whats).toEqual(whats.map((_, n) => (n % 2 === 0 ? 'firing' : 'cleared')))
  expect(new Set(history.map(({ atSeconds }) => atSeconds)).size).toBe(history.length)

  await vi.waitFor(() => expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(history.length), {
    timeout: 120_000,
    interval: 100,
  })
  const told = new Map(receiver.received.map(({ id, body }) => [id, `${body.at} ${String(body.data.state)}`]))
  const wanted = history.map(
    ({ atSeconds, what }) => `${new Date(atSeconds * 1_000).toISOString().replace('.000', '')} ${what}`,
  )
  expect([...told.values()].toSorted()).toEqual(wanted.toSorted())
  await after.stop()
})

/** Starts the child at a step and kills it after so many; returns the step after the last one that it has said. */
async function killAfter(first: number, steps: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, database.url, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = 0
  let last = first - 1
  for await (const line of createInterface({ input: child.stdout })) {
    said++
    last = Number(line)
    if (said === steps) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return last + 1
}
