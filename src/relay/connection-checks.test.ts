import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { accepted } from '../kernel/index.ts'
import { AccessLists, EMPTY_ACCESS_LISTS } from './access-lists.ts'
import { ConnectionChecks } from './connection-checks.ts'
import { testSettings } from './policies/testing/policy-kit.ts'
import type { RelaySettings } from './settings.ts'

const STRANGER = '192.0.2.1'

function checksWith(settings: Partial<RelaySettings>, open = 0) {
  const lists = AccessLists.fromJSON(EMPTY_ACCESS_LISTS)
  let nowMs = 0
  const checks = new ConnectionChecks({
    settings: { ...testSettings(), ...settings },
    lists,
    openConnections: () => open,
    prove: async () => accepted(undefined),
    nowMs: () => nowMs,
  })
  /** The status of the refusal; `in` for who is admitted. */
  const knock = async (address = STRANGER) => {
    // Only what the checks read; the real one needs a socket.
    const request = {
      socket: { remoteAddress: address },
      headers: {},
      url: '/',
    } as unknown as IncomingMessage
    const verdict = await checks.check(request)
    return 'status' in verdict ? verdict.status : 'in'
  }
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { checks, lists, knock, pass }
}

test('the checks come in the order of document 003: maintenance, the limit, the address', async () => {
  const { lists, knock, checks } = checksWith({ maxConnections: 10 }, 10)
  lists.apply({ do: 'block-ip', ip: STRANGER, reason: 'a flood' })
  expect(await knock()).toBe(503)
  checks.configure({ ...testSettings(), maxConnections: 11 })
  expect(await knock()).toBe(403)
  lists.apply({ do: 'set-maintenance', maintenance: true })
  lists.apply({ do: 'unlimit-ip', ip: STRANGER })
  expect(await knock()).toBe(503)
})

test('an address without limits is let in beyond all of them, but not when it is blocked', async () => {
  const { lists, knock, checks } = checksWith({ maxConnections: 1, maxConnectionsPerIp: 1 }, 1)
  checks.opened(STRANGER)
  lists.apply({ do: 'unlimit-ip', ip: STRANGER })
  for (let attempt = 0; attempt < 1_000; attempt++) expect(await knock()).toBe('in')
  expect(await knock('192.0.2.2')).toBe(503)
  lists.apply({ do: 'block-ip', ip: STRANGER, reason: 'a flood' })
  expect(await knock()).toBe(403)
})

test('an address may open so many connections at once and so many a second, and others are not held to it', async () => {
  const rates = {
    ...testSettings().rates,
    connectionsPerSecond: 2,
    connectionsBurst: 5,
    exemptIps: ['192.0.2.9'],
  }
  const { knock, pass } = checksWith({ rates })
  const outcomes = async (times: number, address?: string) => {
    const each: (number | string)[] = []
    for (let time = 0; time < times; time++) each.push(await knock(address))
    return each
  }
  expect(await outcomes(6)).toEqual(['in', 'in', 'in', 'in', 'in', 429])
  expect(await knock('192.0.2.2')).toBe('in')
  expect(await outcomes(20, '192.0.2.9')).not.toContain(429)
  pass(1_000)
  expect(await outcomes(3)).toEqual(['in', 'in', 429])
})

test('an address has so many connections and no more, until one of them ends', async () => {
  const { knock, checks } = checksWith({ maxConnectionsPerIp: 2 })
  checks.opened(STRANGER)
  expect(await knock()).toBe('in')
  checks.opened(STRANGER)
  expect(await knock()).toBe(429)
  expect(await knock('192.0.2.2')).toBe('in')
  checks.closed(STRANGER)
  expect(await knock()).toBe('in')
})
