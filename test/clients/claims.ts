/** What a client library can do with Stoa, claimed once and proved with each library. */
import { getPublicKey } from 'nostr-tools/pure'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  dialledHosts,
  type EventFields,
  fieldsOf,
  freshKey,
  nowSeconds,
  sign,
  startTestRelay,
  type TestRelay,
} from './kit.ts'

/** A library as these claims drive it; each test file writes one in the library's own words. */
export interface Library<C extends Client> {
  readonly name: string
  /**
   * Opens a connection of its own.
   *
   * @param secretKey with it the library answers the relay's challenges (NIP-42); without it, it does not.
   */
  open(url: string, secretKey: Uint8Array | undefined): Promise<C>
  /** Asks for a COUNT (NIP-45), when the library can. */
  readonly count?: (client: C, filter: TestFilter) => Promise<number>
}

export interface Client {
  /** Sends an event and resolves to what the library says became of it. */
  publish(event: EventFields): Promise<Answer>
  /** What the relay has stored; resolves because of EOSE, never because of a timeout. */
  query(filter: TestFilter): Promise<readonly EventFields[]>
  /** Resolves once the subscription stands; what it resolves to ends it. */
  subscribe(filter: TestFilter, onEvent: (event: EventFields) => void): Promise<() => void>
  close(): Promise<void> | void
}

export interface Answer {
  readonly isAccepted: boolean
  /** The relay's words, as far as the library passes them on. */
  readonly message: string
}

/** A filter as all libraries type it. */
export type TestFilter = {
  ids?: string[]
  authors?: string[]
  kinds?: number[]
  limit?: number
  [tag: `#${string}`]: string[]
}

/** A library that waits for what never comes gives up after this; the test has failed by then. */
export const NEVER_MS = 60_000

/** What a busy machine may take for something that is about to happen. */
const SOON = { timeout: 10_000 }

/** Registers the tests that every library must pass. */
export function describeLibrary<C extends Client>({ name, open, count }: Library<C>): void {
  describe(name, () => {
    let relay: TestRelay
    let privateRelay: TestRelay
    const clients: C[] = []

    const connect = async (secretKey?: Uint8Array, { url } = relay): Promise<C> => {
      const client = await open(url, secretKey)
      clients.push(client)
      return client
    }

    beforeAll(async () => {
      relay = await startTestRelay()
      privateRelay = await startTestRelay({ requiresAuth: true })
    })

    afterEach(async () => {
      for (const client of clients.splice(0)) await client.close()
      const nobody = { connections: 0, subscriptions: 0 }
      await vi.waitFor(async () => {
        expect([await relay.presence(), await privateRelay.presence()]).toEqual([nobody, nobody])
      }, SOON)
    })

    afterAll(async () => {
      await relay.stop()
      await privateRelay.stop()
      expect(dialledHosts()).toEqual(['127.0.0.1'])
    })

    test('an accepted event comes back with the same field values', async () => {
      const client = await connect()
      const event = sign(freshKey(), {
        content: 'Grüße an die Stoa 🏛️\n\t"said" \\ she/he\u0000\u0007\u007f\u2028 𝄞',
        tags: [
          ['t', 'stoa'],
          ['e', 'ab'.repeat(32), '', 'root'],
          ['alt', ''],
          ['emoji', '👩🏽‍🚀', '"\\'],
        ],
      })
      expect(await client.publish(event)).toMatchObject({ isAccepted: true })
      expect((await client.query({ ids: [event.id] })).map(fieldsOf)).toEqual([fieldsOf(event)])
    })

    test('an event from the future is refused, and the library says so and why', async () => {
      const client = await connect()
      const event = sign(freshKey(), { created_at: nowSeconds() + 100_000 })
      const { isAccepted, message } = await client.publish(event)
      expect(isAccepted).toBe(false)
      expect(message).toContain('invalid: created_at is more than 900 seconds in the future')
      expect(await client.query({ ids: [event.id] })).toEqual([])
    })

    test('an older version of a profile is refused and does not replace the newer one', async () => {
      const client = await connect()
      const author = freshKey()
      const newer = sign(author, { kind: 0, content: '{"name":"new"}' })
      const older = sign(author, { kind: 0, content: '{"name":"old"}', created_at: newer.created_at - 60 })
      expect(await client.publish(newer)).toMatchObject({ isAccepted: true })
      const { isAccepted, message } = await client.publish(older)
      expect(isAccepted).toBe(false)
      expect(message).toContain('a newer version is stored')
      const found = await client.query({ authors: [newer.pubkey], kinds: [0] })
      expect(found.map(({ id }) => id)).toEqual([newer.id])
    })

    test('a query brings the newest events of its filter, and then ends', async () => {
      const client = await connect()
      const author = freshKey()
      const events = [5, 4, 3, 2, 1].map((ageSeconds) =>
        sign(author, { created_at: nowSeconds() - ageSeconds, tags: [['t', 'feed']] }),
      )
      const elsewhere = sign(author, { tags: [['t', 'elsewhere']] })
      for (const event of [...events, elsewhere]) await client.publish(event)
      const found = await client.query({ authors: [elsewhere.pubkey], '#t': ['feed'], limit: 3 })
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set(events.slice(-3).map(({ id }) => id)))
      expect(await client.query({ authors: ['00'.repeat(32)] })).toEqual([])
    })

    test('a subscription hears what another connection publishes, until it is ended', async () => {
      const [listener, publisher] = [await connect(), await connect()]
      const author = freshKey()
      const heard: EventFields[] = []
      const end = await listener.subscribe({ authors: [getPublicKey(author)] }, (event) =>
        heard.push(fieldsOf(event)),
      )
      expect((await relay.presence()).subscriptions).toBe(1)

      const live = sign(author, { content: 'live' })
      await publisher.publish(sign(freshKey(), { content: 'of somebody else' }))
      await publisher.publish(live)
      await vi.waitFor(() => expect(heard).toEqual([fieldsOf(live)]), SOON)
      expect(await relay.presence()).toEqual({ connections: 2, subscriptions: 1 })

      end()
      await vi.waitFor(async () => expect((await relay.presence()).subscriptions).toBe(0), SOON)
      await publisher.publish(sign(author, { content: 'too late' }))
      // A query over the same connection is answered after everything that was sent to it before.
      await listener.query({ ids: [live.id] })
      expect(heard).toEqual([fieldsOf(live)])
    })

    test('a protected event is taken from its author, once the library has authenticated (NIP-70)', async () => {
      const author = freshKey()
      const client = await connect(author)
      const event = sign(author, { content: 'mine to publish', tags: [['-']] })
      expect(await client.publish(event)).toMatchObject({ isAccepted: true })
      expect((await client.query({ ids: [event.id] })).map(fieldsOf)).toEqual([fieldsOf(event)])
    })

    test('a protected event is refused from anybody else', async () => {
      const event = sign(freshKey(), { tags: [['-']] })
      const client = await connect(freshKey())
      const { isAccepted, message } = await client.publish(event)
      expect(isAccepted).toBe(false)
      expect(message).toContain('restricted: a protected event is taken from its author only')
    })

    test('a relay that asks everybody for a key is written to and read from (NIP-42)', async () => {
      const client = await connect(freshKey(), privateRelay)
      const event = sign(freshKey(), { content: 'among ourselves' })
      expect(await client.publish(event)).toMatchObject({ isAccepted: true })
      expect((await client.query({ ids: [event.id] })).map(fieldsOf)).toEqual([fieldsOf(event)])
    })

    if (count !== undefined) {
      test('a COUNT says how many events match (NIP-45)', async () => {
        const client = await connect()
        const author = freshKey()
        for (const content of ['one', 'two', 'three']) await client.publish(sign(author, { content }))
        expect(await count(client, { authors: [getPublicKey(author)] })).toBe(3)
        expect(await count(client, { authors: ['00'.repeat(32)] })).toBe(0)
      })
    }
  })
}
