import { expect, test } from 'vitest'
import { planRound } from './plan-round.ts'
import { registeredConnection } from './testing/index.ts'

const known = registeredConnection({
  id: 'a',
  pubkeys: ['k'],
  subscriptions: [{ id: 's', filtersJson: '[1]' }],
  authenticatorIds: ['e'],
})
const written = new Map([['a', known]])

test('what is as it was written needs nothing, though every object is a new one', () => {
  expect(planRound(written, [structuredClone(known)])).toEqual({ put: [], touch: [], remove: [] })
})

test.each([{ requests: 1 }, { bytesIn: 1 }, { bytesOut: 1 }])(
  'a connection whose traffic alone has changed is touched: %j',
  (change) => {
    const changed = { ...known, ...change }
    expect(planRound(written, [changed])).toEqual({ put: [], touch: [changed], remove: [] })
  },
)

test.each([
  { level: 1 },
  { address: '192.0.2.2' },
  { startedAtMs: 1 },
  { pubkeys: ['k', 'l'] },
  { pubkeys: ['l'] },
  { authenticatorIds: [] },
  { subscriptions: [] },
  { subscriptions: [{ id: 't', filtersJson: '[1]' }] },
  { subscriptions: [{ id: 's', filtersJson: '[2]' }] },
])('a connection of which more has changed is put: %j', (change) => {
  const changed = { ...known, ...change, requests: 5 }
  expect(planRound(written, [changed])).toEqual({ put: [changed], touch: [], remove: [] })
})

test('new ones are put, those in doubt are put again, and those that are gone are removed, in doubt or not', () => {
  const doubtful = registeredConnection({ id: 'b' })
  const added = registeredConnection({ id: 'c' })
  const standing = new Map([...written, ['b', undefined], ['gone', undefined], ['gone too', known]] as const)
  expect(planRound(standing, [known, doubtful, added])).toEqual({
    put: [doubtful, added],
    touch: [],
    remove: ['gone', 'gone too'],
  })
})
