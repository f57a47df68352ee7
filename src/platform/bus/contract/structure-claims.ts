import { expect } from 'vitest'
import { type Bus, MAX_CHANGES } from '../bus.ts'
import { granted } from '../testing/index.ts'
import type { Claim } from './claim.ts'

export function structureClaims(claim: Claim): void {
  claim('a set holds each member once', async ({ one, other }) => {
    await granted(one.apply([{ do: 'addMembers', key: 's', members: ['a', 'b', 'a'] }]))
    await granted(other.apply([{ do: 'removeMembers', key: 's', members: ['b', 'c'] }]))
    await granted(other.apply([{ do: 'addMembers', key: 's', members: ['c'] }]))
    expect((await granted(one.setMembers('s'))).toSorted()).toEqual(['a', 'c'])
    expect(await granted(one.setSize('s'))).toBe(2)
    expect(await granted(one.setSize('none'))).toBe(0)
  })

  claim('a set says which of some texts are in it, in the order asked', async ({ one, other }) => {
    await granted(one.apply([{ do: 'addMembers', key: 's', members: ['a', '☂', '__proto__'] }]))
    expect(await granted(other.knownMembers('s', ['b', '☂', 'a', 'a', 'toString']))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ])
    expect(await granted(other.knownMembers('s', []))).toEqual([])
    expect(await granted(other.knownMembers('none', ['a']))).toEqual([false])
  })

  claim('the pages of a set hold every member', async ({ one }) => {
    const members = Array.from({ length: 1_000 }, (_, n) => `member ${n}`)
    await granted(one.apply([{ do: 'addMembers', key: 's', members }]))
    const { seen, pages } = await readPages(one, 's', async () => {})
    expect(seen).toEqual(new Set(members))
    expect(pages).toBeGreaterThan(1)
  })

  claim(
    'members that stay are on some page, whatever comes and goes between the pages',
    async ({ one, other }) => {
      const staying = Array.from({ length: 600 }, (_, n) => `staying ${n}`)
      const going = Array.from({ length: 600 }, (_, n) => `going ${n}`)
      await granted(one.apply([{ do: 'addMembers', key: 's', members: [...staying, ...going] }]))
      const { seen } = await readPages(one, 's', async (page) => {
        const gone = going.slice(page * 40, (page + 1) * 40)
        const come = gone.map((member) => `new ${member}`)
        await granted(other.apply([{ do: 'removeMembers', key: 's', members: gone }]))
        await granted(other.apply([{ do: 'addMembers', key: 's', members: come }]))
      })
      expect(staying.filter((member) => !seen.has(member))).toEqual([])
    },
  )

  claim('a hash answers for the fields asked, in that order', async ({ one, other }) => {
    const fields = [
      ['a', '1'],
      ['b', '☂'],
      ['__proto__', 'x'],
    ] as const
    await granted(one.apply([{ do: 'setFields', key: 'h', fields }]))
    await granted(one.apply([{ do: 'removeFields', key: 'h', fields: ['a', 'never'] }]))
    expect(await granted(other.hashValues('h', ['c', 'b', 'a']))).toEqual([undefined, '☂', undefined])
    expect(await granted(other.hashValues('h', []))).toEqual([])
    expect(await granted(other.hashAll('h'))).toEqual(new Map(fields.slice(1)))
    expect(await granted(other.hashAll('none'))).toEqual(new Map())
  })

  claim('changes are made in their order, all of them', async ({ one }) => {
    await granted(
      one.apply([
        { do: 'addMembers', key: 'x', members: ['old'] },
        { do: 'delete', key: 'x' },
        { do: 'setFields', key: 'x', fields: [['a', '1']] },
        { do: 'set', key: 'y', value: 'kept', ttlMs: 60_000 },
        { do: 'removeFields', key: 'x', fields: ['a'] },
        { do: 'set', key: 'x', value: 'last' },
        { do: 'addMembers', key: 'z', members: [] },
      ]),
    )
    expect([await granted(one.get('x')), await granted(one.get('y'))]).toEqual(['last', 'kept'])
  })

  claim('nobody sees half of what is applied together', async ({ one, other }) => {
    const writing = (async () => {
      for (let round = 0; round < 50; round++) {
        await granted(
          one.apply([
            { do: 'delete', key: 's' },
            { do: 'addMembers', key: 's', members: ['a'] },
            { do: 'addMembers', key: 's', members: ['b'] },
          ]),
        )
      }
      return 'done' as const
    })()
    const sizes = new Set<number>()
    while (
      (await Promise.race([writing, granted(other.setSize('s')).then((size) => sizes.add(size))])) !== 'done'
    );
    sizes.delete(0)
    expect([...sizes].filter((size) => size !== 2)).toEqual([])
    expect(await granted(other.setSize('s'))).toBe(2)
  })

  claim('a change may have very many members and fields', async ({ one }) => {
    const names = Array.from({ length: 150_000 }, (_, n) => `${n}`)
    await granted(one.apply([{ do: 'addMembers', key: 's', members: names }]))
    await granted(one.apply([{ do: 'setFields', key: 'h', fields: names.map((name) => [name, name]) }]))
    await granted(one.apply([{ do: 'removeFields', key: 'h', fields: names.slice(1) }]))
    expect(await granted(one.setSize('s'))).toBe(names.length)
    expect(await granted(one.hashAll('h'))).toEqual(new Map([['0', '0']]))
    await granted(one.apply([{ do: 'removeMembers', key: 's', members: names }]))
    expect(await granted(one.setSize('s'))).toBe(0)
  })

  claim('more changes than are allowed at once are a bug of the caller', async ({ one }) => {
    const change = { do: 'delete', key: 'x' } as const
    expect(() => one.apply(Array.from({ length: MAX_CHANGES + 1 }, () => change))).toThrow('at most')
    await granted(one.apply(Array.from({ length: MAX_CHANGES }, () => change)))
  })
}

/** Reads a set page by page; `between` is called after each. */
async function readPages(bus: Bus, key: string, between: (page: number) => Promise<void>) {
  const seen = new Set<string>()
  let cursor: string | undefined
  let pages = 0
  do {
    const page = await granted(bus.setPage(key, cursor, 50))
    for (const member of page.members) seen.add(member)
    cursor = page.next
    await between(pages++)
  } while (cursor !== undefined)
  return { seen, pages }
}
