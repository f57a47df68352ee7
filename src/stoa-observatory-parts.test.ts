import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { ObservatoryParts, type PartsDeps } from './stoa-observatory-parts.ts'

const PATIENCE = { timeout: 5_000, interval: 5 }

/** What nothing here gets as far as. */
const unasked = (): never => {
  throw new Error('nobody asks for that before there is a database')
}

const started: ObservatoryParts[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((parts) => parts.stop()))
})

function startParts(office: PartsDeps['office']): ObservatoryParts {
  const parts = new ObservatoryParts({
    config: unasked,
    office,
    unit: unasked,
    relaySigner: { publicKey: 'a'.repeat(64), signSchnorr: unasked },
    keyring: { agreementFor: unasked },
    room: { source: { snapshot: unasked, onChange: unasked }, isKeeper: false },
    dataDir: '/nowhere',
    logger: pino({ level: 'silent' }),
  })
  started.push(parts)
  parts.start()
  return parts
}

test('what keeps them from being opened is said in words', async () => {
  const parts = startParts(() => {
    throw new Error('the password is wrong')
  })
  await vi.waitFor(
    () => expect(parts.failure()).toBe('the database cannot be opened: the password is wrong'),
    PATIENCE,
  )
  expect([parts.tiers, parts.monitor, parts.alerts]).toEqual([undefined, undefined, undefined])
})

test('whoever stops them does not wait for a database that never comes up', async () => {
  let isAsked = false
  const opened = () => {
    isAsked = true
    return new Promise<never>(() => {})
  }
  const parts = startParts(() => ({ opened, ledger: unasked, people: unasked, jobs: unasked }))
  await vi.waitFor(() => expect(isAsked).toBe(true), PATIENCE)
  await parts.stop()
  expect(parts.failure()).toBeUndefined()
})
