import { expect } from 'vitest'
import type { Bus } from '../bus.ts'
import { LeasedHash } from '../leased-hash.ts'
import { eventually, granted } from '../testing/index.ts'
import type { Claim } from './claim.ts'

const LONG_MS = 60_000
const SHORT_MS = 150

export function leaseClaims(claim: Claim): void {
  claim('the entries of all owners are seen by all', async ({ one, other }) => {
    const [a, b] = [leaseOf(one, 'a'), leaseOf(other, 'b')]
    await granted(a.set('port', '1'))
    await granted(b.set('port', '2'))
    await granted(b.set('gone', '3'))
    await granted(b.delete('gone'))
    const entries = [
      { owner: 'a', field: 'port', value: '1' },
      { owner: 'b', field: 'port', value: '2' },
    ]
    expect((await granted(a.entries())).toSorted(byOwner)).toEqual(entries)
    expect((await granted(b.entries())).toSorted(byOwner)).toEqual(entries)
    await a.close()
    expect(await granted(b.entries())).toEqual(entries.slice(1))
    await b.close()
  })

  claim('an owner with no entries is an owner, once it has renewed', async ({ one, other }) => {
    const [a, b] = [leaseOf(one, 'a'), leaseOf(other, 'b')]
    expect(await granted(b.owners())).toEqual([])
    expect(await granted(a.renew())).toBe('lost')
    expect(await granted(a.renew())).toBe('held')
    expect(await granted(b.owners())).toEqual(['a'])
    expect(await granted(b.entries())).toEqual([])
    await Promise.all([a.close(), b.close()])
  })

  claim(
    'entries vanish when their owner gives no sign of life, and those of the living stay',
    async ({ one, other }) => {
      const living = leaseOf(other, 'living', SHORT_MS)
      await granted(living.set('a', '1'))
      // What a process has written that was killed afterwards.
      await granted(one.apply([{ do: 'addMembers', key: 'leases', members: ['dead'] }]))
      await granted(one.apply([{ do: 'setFields', key: 'leases:dead', fields: [['a', '2']] }]))
      await granted(one.renew('leases:dead', SHORT_MS * 3))
      expect((await granted(living.owners())).toSorted()).toEqual(['dead', 'living'])
      await eventually(async () => (await granted(living.owners())).length === 1)
      expect(await granted(living.entries())).toEqual([{ owner: 'living', field: 'a', value: '1' }])
      // Not even its name is left.
      expect(await granted(one.setMembers('leases'))).toEqual(['living'])
      expect(living.counters.losses).toBe(0)
      await living.close()
    },
  )

  claim('an owner whose lease was lost writes everything again', async ({ one, other }) => {
    const lease = leaseOf(one, 'a')
    await granted(lease.set('x', '1'))
    await granted(lease.set('y', '2'))
    await granted(
      other.apply([
        { do: 'delete', key: 'leases:a' },
        { do: 'delete', key: 'leases' },
      ]),
    )
    expect(await granted(lease.owners())).toEqual([])
    expect(await granted(lease.renew())).toBe('lost')
    expect(await granted(lease.entries())).toEqual([
      { owner: 'a', field: 'x', value: '1' },
      { owner: 'a', field: 'y', value: '2' },
    ])
    expect(lease.counters.losses).toBe(1)
    await lease.close()
  })

  claim('an owner that was taken off the list by mistake is on it again', async ({ one, other }) => {
    const lease = leaseOf(one, 'a')
    await granted(lease.set('x', '1'))
    await granted(other.apply([{ do: 'removeMembers', key: 'leases', members: ['a'] }]))
    expect(await granted(lease.renew())).toBe('held')
    expect(await granted(lease.owners())).toEqual(['a'])
    await lease.close()
  })

  claim('a lease that was closed is not taken up again', async ({ one, other }) => {
    const lease = leaseOf(one, 'a')
    await granted(lease.set('x', '1'))
    const late = lease.set('y', '2')
    await lease.close()
    await late
    expect(await lease.renew()).toMatchObject({ ok: false, refusal: { code: 'BUS_CLOSED' } })
    expect(await granted(other.hashAll('leases:a'))).toEqual(new Map())
  })
}

function leaseOf(bus: Bus, owner: string, ttlMs = LONG_MS): LeasedHash {
  return new LeasedHash(bus, 'leases', { owner, ttlMs })
}

function byOwner(a: { readonly owner: string }, b: { readonly owner: string }): number {
  return a.owner < b.owner ? -1 : 1
}
