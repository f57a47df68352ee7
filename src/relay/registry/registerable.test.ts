import { expect, test } from 'vitest'
import { registerable } from './registerable.ts'

test('filters are written as a client would send them', () => {
  const filters = [
    {
      kinds: [1],
      tags: [
        { name: 't', values: ['a', 'b'] },
        { name: 'T', values: ['c'] },
      ],
      limit: 5,
    },
    { search: 'x' },
  ]
  const facts = {
    id: 'c1',
    address: '192.0.2.1',
    pubkeys: [],
    level: 0 as const,
    authenticatorIds: [],
    subscriptions: [{ id: 'feed', filters }],
    requests: 1,
    bytesIn: 2,
    bytesOut: 3,
    startedAtMs: 4,
  }
  const [registered] = registerable('p', [facts])
  expect(registered).toMatchObject({ id: 'c1', processId: 'p', bytesOut: 3 })
  expect(JSON.parse(registered?.subscriptions[0]?.filtersJson ?? '')).toEqual([
    { kinds: [1], '#t': ['a', 'b'], '#T': ['c'], limit: 5 },
    { search: 'x' },
  ])
})
