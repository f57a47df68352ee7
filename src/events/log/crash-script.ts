import { bytesOf, NOW_SECONDS, pubkeyOf, testEvent } from '../testing/index.ts'

/** The n-th batch of a run: the same for the same seed, in every process. */
export function batchOf(seed: number, batch: number) {
  const random = randomOf(seed * 1_000_003 + batch)
  const size = 1 + Math.floor(random() * 8)
  const events = Array.from({ length: size }, (_, index) => bytesOf(eventOf(seed, batch, index, random)))
  return { events, nowSeconds: NOW_SECONDS }
}

function eventOf(seed: number, batch: number, index: number, random: () => number) {
  const author = pubkeyOf(`author ${Math.floor(random() * 6)}`)
  const created_at = NOW_SECONDS - 1_000 + batch
  const content = `${seed} ${batch} ${index} ${'x'.repeat(random() * 300)}`
  const dice = random()
  if (dice < 0.05) {
    const tags = [['p', pubkeyOf(`author ${Math.floor(random() * 6)}`)]]
    return testEvent({ kind: 1059, pubkey: author, created_at, content, tags })
  }
  if (dice < 0.5) return testEvent({ pubkey: author, created_at, content })
  if (dice < 0.8)
    return testEvent({ kind: 10_000 + Math.floor(random() * 4), pubkey: author, created_at, content })
  if (dice < 0.95) {
    const tags = [['d', String(Math.floor(random() * 5))]]
    return testEvent({ kind: 30_023, pubkey: author, created_at, content, tags })
  }
  // Takes along everything that its author has.
  if (dice > 0.99) return testEvent({ kind: 62, pubkey: author, created_at, content })
  // Deletes everything that its author has at an address.
  const address = `30023:${author}:${Math.floor(random() * 5)}`
  return testEvent({ kind: 5, pubkey: author, created_at, content, tags: [['a', address]] })
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
