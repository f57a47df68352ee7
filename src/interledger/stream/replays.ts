/** Bytes that were seen lately, in two generations: when the young one is full, the old one is forgotten. */
export interface ReplayMemory {
  has(id: string): boolean
  add(id: string): void
  delete(id: string): void
}

/** @param perGeneration at least so many ids are remembered, and at most twice so many. */
export function createReplayMemory(perGeneration: number): ReplayMemory {
  let young = new Set<string>()
  let old = new Set<string>()
  return {
    has: (id) => young.has(id) || old.has(id),
    add: (id) => {
      if (young.size >= perGeneration) {
        old = young
        young = new Set()
      }
      young.add(id)
    },
    delete: (id) => {
      young.delete(id)
      old.delete(id)
    },
  }
}
