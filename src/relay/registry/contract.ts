import { describe, expect, test } from 'vitest'
import { eventually, granted } from '../../platform/bus/testing/index.ts'
import {
  type CloseRequest,
  type ConnectionRegistry,
  MAX_FILTERS_LENGTH,
  type RegisteredConnection,
} from './registry.ts'
import { listAll, registeredConnection } from './testing/index.ts'

export interface RegistryUnderTest {
  /** The registry of the process `one`. */
  readonly registry: ConnectionRegistry
  readonly dispose: () => Promise<void>
}

/** What every connection registry promises, seen by one process: call it in a test file of the adapter. */
export function describeRegistryContract(name: string, makeRegistry: () => Promise<RegistryUnderTest>): void {
  const claim = (title: string, prove: (registry: ConnectionRegistry) => Promise<void>) =>
    test(title, async () => {
      const { registry, dispose } = await makeRegistry()
      try {
        await granted(registry.keepUp())
        await prove(registry)
      } finally {
        await dispose()
      }
    })

  describe(`${name}, as a connection registry`, () => {
    claim('what was put is found and listed with every fact', async (registry) => {
      const facts = registeredConnection({
        id: 'c1',
        pubkeys: ['a'.repeat(64), 'b'.repeat(64)],
        level: 3,
        subscriptions: [
          { id: 'feed', filtersJson: '[{"kinds":[1]},{"#t":["☂"]}]' },
          { id: 'with:colon', filtersJson: '[{}]' },
        ],
        address: '2001:db8::1',
        requests: 12,
        bytesIn: 345,
        bytesOut: 6_789,
        authenticatorIds: ['c'.repeat(64), 'd'.repeat(64)],
      })
      await granted(registry.put([facts, registeredConnection({ id: 'c2' })]))
      expect(sorted(await granted(registry.find('c1')))).toEqual(facts)
      expect((await listAll(registry)).map(sorted)).toEqual([facts, registeredConnection({ id: 'c2' })])
      expect(await granted(registry.size())).toBe(2)
      expect(await granted(registry.sizeOfOthers())).toBe(0)
      expect(await granted(registry.find('c3'))).toBeUndefined()
    })

    claim('putting again replaces everything, subscriptions that were closed too', async (registry) => {
      const open = (...ids: readonly string[]) => ids.map((id) => ({ id, filtersJson: `["${id}"]` }))
      await granted(
        registry.put([registeredConnection({ id: 'c1', level: 1, subscriptions: open('a', 'b') })]),
      )
      const changed = registeredConnection({ id: 'c1', level: 2, subscriptions: open('b', 'c') })
      await granted(registry.put([changed]))
      expect(sorted(await granted(registry.find('c1')))).toEqual(changed)
      expect(await granted(registry.size())).toBe(1)
    })

    claim('touching changes the traffic alone', async (registry) => {
      const facts = registeredConnection({
        id: 'c1',
        level: 2,
        subscriptions: [{ id: 'a', filtersJson: '[{}]' }],
      })
      await granted(registry.put([facts]))
      const traffic = { requests: 5, bytesIn: 6, bytesOut: 7 }
      const touched = { ...facts, ...traffic, level: 4 }
      await granted(registry.touch([touched]))
      expect(await granted(registry.find('c1'))).toEqual({ ...facts, ...traffic })
    })

    claim('what was removed is gone', async (registry) => {
      const ids = Array.from({ length: 700 }, (_, n) => `c${n}`)
      await granted(registry.put(ids.map((id) => registeredConnection({ id }))))
      await granted(registry.remove([...ids.slice(1), 'never was']))
      expect(await listAll(registry)).toEqual([registeredConnection({ id: 'c0' })])
      expect(await granted(registry.size())).toBe(1)
    })

    claim('the pages together hold every connection', async (registry) => {
      const all = Array.from({ length: 1_200 }, (_, n) => registeredConnection({ id: `c${n}`, requests: n }))
      await granted(registry.put(all))
      const listed = await listAll(registry, 100)
      expect(listed).toHaveLength(all.length)
      expect(listed.every(({ id, requests }) => id === `c${requests}`)).toBe(true)
    })

    claim(
      'filters beyond the bound are left out, and their subscription is still there',
      async (registry) => {
        const long = `["${'x'.repeat(MAX_FILTERS_LENGTH - 4)}"]`
        const subscriptions = [
          { id: 'fits', filtersJson: long },
          { id: 'too much', filtersJson: '[{}]' },
        ]
        await granted(registry.put([registeredConnection({ id: 'c1', subscriptions })]))
        const found = sorted(await granted(registry.find('c1')))
        expect(found?.subscriptions).toEqual([
          { id: 'fits', filtersJson: long },
          { id: 'too much', filtersJson: 'null' },
        ])
      },
    )

    claim(
      'who is to be closed is told to those who listen, and an unknown one is refused',
      async (registry) => {
        const heard: CloseRequest[] = []
        const stop = registry.onClose((request) => heard.push(request))
        await granted(registry.put([registeredConnection({ id: 'c1' })]))
        const request = { connectionId: 'c1', code: 3502, reason: 'closed by the operator' }
        await eventually(async () => {
          await registry.close(request)
          return heard.length > 0
        })
        expect(heard[0]).toEqual(request)
        expect(await registry.close({ ...request, connectionId: 'c2' })).toMatchObject({
          ok: false,
          refusal: { code: 'CONNECTION_UNKNOWN' },
        })
        stop()
      },
    )

    claim('keeping up finds everything in place', async (registry) => {
      await granted(registry.put([registeredConnection({ id: 'c1' }), registeredConnection({ id: 'c2' })]))
      await granted(registry.remove(['c2']))
      expect(await granted(registry.keepUp())).toBe('kept')
    })

    claim('who has left has no connections', async (registry) => {
      await granted(registry.put([registeredConnection({ id: 'c1' })]))
      await registry.leave()
      expect(await listAll(registry)).toEqual([])
    })
  })
}

/** Subscriptions are a set: their order says nothing. */
function sorted<T extends RegisteredConnection | undefined>(facts: T) {
  if (facts === undefined) return facts
  return { ...facts, subscriptions: facts.subscriptions.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }
}
