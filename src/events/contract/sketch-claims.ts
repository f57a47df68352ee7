import { expect } from 'vitest'
import { alice, bob, NOW_SECONDS, testEvent } from '../testing/index.ts'
import type { Claim } from './claim.ts'

/** A key of the byte 0xff, but for what is written into it from byte `at` on. */
function keyWith(at: number, hex: string): string {
  const head = 'ff'.repeat(at) + hex
  return head + 'f'.repeat(64 - head.length)
}

const noteBy = (pubkey: string, fields: Parameters<typeof testEvent>[0] = {}) =>
  testEvent({ pubkey, ...fields })

/** The registers that are not 0, by number. */
function usedIn(registers: Uint8Array): Readonly<Record<number, number>> {
  return Object.fromEntries([...registers].flatMap((value, index) => (value === 0 ? [] : [[index, value]])))
}

export function sketchClaims(claim: Claim): void {
  claim('an empty answer has 256 empty registers', async ({ store }) => {
    const { count, registers } = await store.sketch({}, 8, NOW_SECONDS)
    expect(count).toBe(0)
    expect(Array.from(registers)).toEqual(Array.from({ length: 256 }, () => 0))
  })

  claim(
    'a register is the key byte at the offset, its value the zero bits behind it and one (C-10)',
    async ({ store, put }) => {
      await put([
        noteBy(keyWith(8, '2aff')),
        noteBy(keyWith(8, '2b7f')),
        noteBy(keyWith(8, '2c01')),
        noteBy(keyWith(8, '2d0001')),
        noteBy(keyWith(8, '000040')),
        noteBy(keyWith(8, `ff${'00'.repeat(23)}`)),
      ])
      const { count, registers } = await store.sketch({ kinds: [1] }, 8, NOW_SECONDS)
      expect(count).toBe(6)
      expect(usedIn(registers)).toEqual({ 42: 1, 43: 2, 44: 8, 45: 16, 0: 10, 255: 185 })
    },
  )

  claim('the highest offset reads the last bytes of a key', async ({ store, put }) => {
    await put([noteBy(keyWith(23, '010f')), noteBy(keyWith(23, `02${'00'.repeat(8)}`))])
    const { registers } = await store.sketch({}, 23, NOW_SECONDS)
    expect(usedIn(registers)).toEqual({ 1: 5, 2: 65 })
  })

  claim('a register keeps its maximum, in any order', async ({ store, put }) => {
    await put(['0503', '0501', '0540'].map((hex) => noteBy(keyWith(12, hex))))
    const { count, registers } = await store.sketch({}, 12, NOW_SECONDS)
    expect(count).toBe(3)
    expect(usedIn(registers)).toEqual({ 5: 8 })
  })

  claim('an author counts once in the registers, and every event in the count', async ({ store, put }) => {
    await put(Array.from({ length: 7 }, (_, n) => noteBy(keyWith(9, '0b08'), { content: `${n}` })))
    const { count, registers } = await store.sketch({}, 9, NOW_SECONDS)
    expect(count).toBe(7)
    expect(usedIn(registers)).toEqual({ 11: 5 })
  })

  claim('only what matches and can be seen is counted, whatever the limit says', async ({ store, put }) => {
    const tags = [['t', 'x']]
    const gone = noteBy(keyWith(8, '04ff'), { tags })
    await put([
      noteBy(keyWith(8, '01ff'), { tags }),
      noteBy(keyWith(8, '02ff'), { tags, kind: 7 }),
      noteBy(keyWith(8, '03ff')),
      noteBy(keyWith(8, '05ff'), { tags: [...tags, ['expiration', `${NOW_SECONDS + 1}`]] }),
      gone,
    ])
    await store.remove([gone.id])
    const filter = { tags: [{ name: 't', values: ['x'] }], limit: 1 }
    const { count, registers } = await store.sketch(filter, 8, NOW_SECONDS + 1)
    expect(count).toBe(2)
    expect(usedIn(registers)).toEqual({ 1: 1, 2: 1 })
  })

  claim('the registers of two halves make those of the whole (C-11)', async ({ store, put }) => {
    const notes = Array.from({ length: 60 }, (_, n) =>
      noteBy(n % 2 === 0 ? alice : keyWith(10, `0${n % 7}0${n % 10}`), {
        created_at: NOW_SECONDS + n,
        content: bob,
      }),
    )
    await put(notes)
    const [old, late, whole] = await Promise.all(
      [{ until: NOW_SECONDS + 29 }, { since: NOW_SECONDS + 30 }, {}].map((filter) =>
        Promise.resolve(store.sketch(filter, 10, NOW_SECONDS)),
      ),
    )
    expect(old!.count + late!.count).toBe(whole!.count)
    const merged = Array.from(old!.registers, (value, index) => Math.max(value, late!.registers[index]!))
    expect(merged).toEqual(Array.from(whole!.registers))
  })
}
