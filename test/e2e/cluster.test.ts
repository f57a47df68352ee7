/** Several processes on one PostgreSQL and one Redis, both real, are one relay to whoever uses it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { authorNamed, eventBy } from './authors.ts'
import { EventClient } from './event-client.ts'
import { noServicesBecause, type SharedServices, startSharedServices } from './shared-services.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const ACCEPTED = { isAccepted: true, text: '' }
const alice = authorNamed('alice')

if (noServicesBecause !== undefined)
  console.warn(`SKIPPED: two processes as one relay, since ${noServicesBecause}`)

describe.skipIf(noServicesBecause !== undefined)('two processes', () => {
  const stage = new Stage()
  let services: SharedServices
  let first: StoaProcess
  let second: StoaProcess

  beforeAll(async () => {
    services = await startSharedServices()
  })
  afterAll(() => services.stop())

  beforeEach(async () => {
    const { env } = services
    first = await stage.start({ env })
    second = await stage.start({ env })
  })
  afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

  test('an event that one accepted is found through the other at once, and heard there live, once', async () => {
    const [writer, reader] = await Promise.all([EventClient.open(first.url), EventClient.open(second.url)])
    const filter = { authors: [alice.pubkey], '#t': ['live'] }
    const heard = await reader.watch(filter)
    const events = Array.from({ length: 50 }, (_, n) =>
      eventBy(alice, { content: `live ${n}`, tags: [['t', 'live']] }),
    )
    for (const event of events) {
      expect(await writer.publish(event)).toEqual(ACCEPTED)
      expect(await reader.query({ ids: [event.id] })).toEqual([event])
    }
    await eventually(() => expect(heard.map(({ id }) => id)).toEqual(events.map(({ id }) => id)))
    expect(await reader.publish(events[0]!)).toMatchObject({ isAccepted: true, text: /^duplicate: / })
    expect(heard).toHaveLength(events.length)
  })

  test('versions of one address sent to both at once leave the newest, and a deletion reaches all', async () => {
    const author = authorNamed('bob')
    const clients = await Promise.all([first, second, first, second].map(({ url }) => EventClient.open(url)))
    const now = Math.floor(Date.now() / 1_000)
    const versions = Array.from({ length: 60 }, (_, n) =>
      eventBy(author, {
        kind: 30_000,
        created_at: now - 60 + n,
        tags: [['d', 'x']],
        content: `version ${n}`,
      }),
    )
    const mixed = versions.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    await Promise.all(mixed.map((event, n) => clients[n % clients.length]!.publish(event)))
    for (const client of clients)
      expect(await client.query({ authors: [author.pubkey] })).toEqual([versions.at(-1)])
    const deletion = eventBy(author, { kind: 5, tags: [['a', `30000:${author.pubkey}:x`]] })
    expect(await clients[0]!.publish(deletion)).toEqual(ACCEPTED)
    for (const client of clients)
      expect(await client.query({ authors: [author.pubkey], kinds: [30_000] })).toEqual([])
    expect(await clients[1]!.publish(versions[0]!)).toMatchObject({ isAccepted: false, text: /^blocked: / })
  })

  test('a process that is killed costs its own clients only, and its connections leave the registry', async () => {
    const [lost, kept] = await Promise.all([EventClient.open(first.url), EventClient.open(second.url)])
    const heard = await kept.watch({ authors: [alice.pubkey], '#t': ['kill'] })
    await first.kill()
    await lost.ended
    const event = eventBy(alice, { content: 'still here', tags: [['t', 'kill']] })
    expect(await kept.publish(event)).toEqual(ACCEPTED)
    await eventually(() => expect(heard).toEqual([event]))
    expect(kept.isOpen).toBe(true)
  })

  test('without Redis each goes on with its own clients, and says so; with it they hear of each other again', async () => {
    const [a, b] = await Promise.all([EventClient.open(first.url), EventClient.open(second.url)])
    const heard = await b.watch({ authors: [alice.pubkey], '#t': ['redis'] })
    await services.redis.kill()
    const during = eventBy(alice, { content: 'without Redis', tags: [['t', 'redis']] })
    expect(await a.publish(during)).toEqual(ACCEPTED)
    expect(await b.query({ ids: [during.id] })).toEqual([during])
    await eventually(async () => expect(await sharedStatus(first)).toBe('degraded'))
    await services.redis.start()
    await eventually(async () =>
      expect([await sharedStatus(first), await sharedStatus(second)]).toEqual(['ok', 'ok']),
    )
    await eventually(async () => {
      const after = eventBy(alice, { content: `with Redis ${Math.random()}`, tags: [['t', 'redis']] })
      expect(await a.publish(after)).toEqual(ACCEPTED)
      await eventually(() => expect(heard).toContainEqual(after), 1_000)
    })
  })
})

/** What `/health` says of what the processes share. */
async function sharedStatus(stoa: StoaProcess): Promise<unknown> {
  const response = await fetch(stoa.httpUrl('/health'))
  // The shape is that of `platform/http.ts`.
  const { components } = (await response.json()) as { components: { shared: { status: string } } }
  return components.shared.status
}

/** Looks again and again, as long as the claim does not hold. */
function eventually(claim: () => unknown, timeout = 30_000): Promise<unknown> {
  return vi.waitFor(claim, { timeout, interval: 20 })
}
