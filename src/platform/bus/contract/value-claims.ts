import { expect } from 'vitest'
import { eventually, granted } from '../testing/index.ts'
import type { Claim } from './claim.ts'

const LONG_MS = 60_000
const SHORT_MS = 60

export function valueClaims(claim: Claim): void {
  claim('a value is there for everybody until it is deleted', async ({ one, other }) => {
    await granted(one.set('motto', 'fünf\n\0☂'))
    expect(await granted(other.get('motto'))).toBe('fünf\n\0☂')
    await granted(other.delete('motto'))
    expect(await granted(one.get('motto'))).toBeUndefined()
  })

  claim('an empty value is a value', async ({ one }) => {
    await granted(one.set('empty', ''))
    expect(await granted(one.get('empty'))).toBe('')
  })

  claim('a value with a time to live vanishes, and one set without does not', async ({ one }) => {
    await granted(one.set('brief', 'a', { ttlMs: SHORT_MS }))
    await granted(one.set('kept', 'b', { ttlMs: SHORT_MS }))
    await granted(one.set('kept', 'b'))
    await eventually(async () => (await granted(one.get('brief'))) === undefined)
    expect(await granted(one.get('kept'))).toBe('b')
  })

  claim('of many who set if absent at once, exactly one succeeds', async ({ one, other }) => {
    const tries = Array.from({ length: 40 }, (_, n) => {
      const bus = n % 2 === 0 ? one : other
      return granted(bus.setIfAbsent('only', `${n}`, { ttlMs: LONG_MS }))
    })
    const winners = (await Promise.all(tries)).flatMap((isSet, n) => (isSet ? [`${n}`] : []))
    expect(winners).toHaveLength(1)
    expect(await granted(one.get('only'))).toBe(winners[0])
  })

  claim('what was set if absent is free again after its time', async ({ one }) => {
    expect(await granted(one.setIfAbsent('turn', 'a', { ttlMs: SHORT_MS }))).toBe(true)
    await eventually(() => granted(one.setIfAbsent('turn', 'b', { ttlMs: LONG_MS })))
    expect(await granted(one.get('turn'))).toBe('b')
  })

  claim('renewing gives a value more time, and tells when it has gone', async ({ one }) => {
    await granted(one.set('lease', 'a', { ttlMs: SHORT_MS * 10 }))
    await granted(one.set('witness', 'a', { ttlMs: SHORT_MS * 10 }))
    expect(await granted(one.renew('lease', LONG_MS))).toBe(true)
    await eventually(async () => (await granted(one.get('witness'))) === undefined)
    expect(await granted(one.get('lease'))).toBe('a')
    expect(await granted(one.renew('witness', LONG_MS))).toBe(false)
  })

  claim('a counter loses no step, whoever counts', async ({ one, other }) => {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => granted((n % 2 === 0 ? one : other).increment('hits', n))),
    )
    expect(await granted(one.increment('hits', -4_950))).toBe(0)
    expect(await granted(other.get('hits'))).toBe('0')
  })

  claim('an operation on a key of another type is refused, and harms nothing', async ({ one }) => {
    await granted(one.apply([{ do: 'addMembers', key: 'crowd', members: ['a'] }]))
    for (const asked of [one.get('crowd'), one.increment('crowd', 1), one.hashAll('crowd')]) {
      expect(await asked).toMatchObject({ ok: false, refusal: { code: 'BUS_FAILED' } })
    }
    expect(one.status().counters.refused).toBe(3)
    expect(await granted(one.setMembers('crowd'))).toEqual(['a'])
  })

  claim('after closing, everything is refused and nothing throws', async ({ one }) => {
    await one.close()
    one.publish('news', Buffer.from('late'))
    expect(await one.get('a')).toMatchObject({ ok: false, refusal: { code: 'BUS_CLOSED' } })
    expect(await one.apply([])).toMatchObject({ ok: false, refusal: { code: 'BUS_CLOSED' } })
    await one.subscribe('news', () => {}).ready
    expect(one.status()).toMatchObject({ state: 'closed', counters: { dropped: 1, refused: 2 } })
  })
}
