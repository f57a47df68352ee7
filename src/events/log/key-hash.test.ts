import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createHashSeed, FAMILY, type HashSeed, KeyHasher } from './key-hash.ts'

const seed: HashSeed = [1, 2, 3, 4]

test('a key hashes the same wherever its bytes lie', () => {
  const [here, there] = [new KeyHasher(seed), new KeyHasher(seed)]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat({ max: 7 }), (bytes, offset) => {
      here.hash(FAMILY.tag, 0x65, Buffer.from(bytes), 0, bytes.length)
      const shifted = Buffer.concat([Buffer.alloc(offset, 0xee), bytes, Buffer.alloc(9, 0xee)])
      there.hash(FAMILY.tag, 0x65, shifted, offset, offset + bytes.length)
      expect([here.hi, here.lo]).toEqual([there.hi, there.lo])
    }),
  )
})

test('family, letter, length and every byte matter', () => {
  const hasher = new KeyHasher(createHashSeed())
  const hashes = new Set<string>()
  let keys = 0
  const add = (family: (typeof FAMILY)[keyof typeof FAMILY], extra: number, bytes: Buffer) => {
    hasher.hash(family, extra, bytes, 0, bytes.length)
    hashes.add(`${hasher.hi} ${hasher.lo}`)
    keys++
  }
  for (let kind = 0; kind < 65_536; kind += 13) add(FAMILY.kind, kind, Buffer.alloc(0))
  for (let length = 0; length < 70; length++) {
    const bytes = Buffer.alloc(length, 0x61)
    for (const letter of [0x65, 0x70]) add(FAMILY.tag, letter, bytes)
    for (let at = 0; at < length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = 0x62
      add(FAMILY.tag, 0x65, changed)
    }
  }
  for (const family of [FAMILY.author, FAMILY.authorKind]) add(family, 0, Buffer.alloc(64, 0x61))
  expect(hashes.size).toBe(keys)
})

test('another store hashes otherwise, so that nobody can prepare keys or ids that collide', () => {
  const [a, b] = [new KeyHasher(createHashSeed()), new KeyHasher(createHashSeed())]
  const bytes = Buffer.alloc(64, 0x61)
  a.hash(FAMILY.author, 0, bytes, 0, 64)
  b.hash(FAMILY.author, 0, bytes, 0, 64)
  expect([a.hi, a.lo]).not.toEqual([b.hi, b.lo])
  // Prefixes that share a slot of a thousand in one store are spread over those of another.
  const together = Array.from({ length: 200_000 }, (_, id) => id * 20_011).filter(
    (id) => a.scatter(id) % 1_024 === 0,
  )
  const slots = new Set(together.map((id) => b.scatter(id) % 1_024))
  expect(together.length).toBeGreaterThan(100)
  expect(slots.size).toBeGreaterThan(Math.min(50, together.length / 4))
})
