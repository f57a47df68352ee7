import type { Range } from '../../ranges.ts'
import type { Snapshot, SourcedSnapshot, StatisticsSource } from '../../snapshot.ts'
import { exampleSnapshot } from './example-snapshot.ts'

/** Figures that change when a test says so. */
export interface TestSource extends StatisticsSource {
  /** How often figures were asked for. */
  readonly asked: () => number
  /** New figures, and word of it. */
  change(how?: (snapshot: Snapshot) => Snapshot): void
  /** There are none from now on. */
  empty(): void
  /** Asking fails from now on, until it is told otherwise. */
  fail(isFailing: boolean): void
}

export function createTestSource(make: (range: Range) => Snapshot = exampleSnapshot): TestSource {
  const listeners = new Set<() => void>()
  const made = new Map<Range, Snapshot>()
  let version = 1
  let asked = 0
  let isEmpty = false
  let isFailing = false
  const of = (range: Range): Snapshot => {
    const known = made.get(range) ?? make(range)
    made.set(range, known)
    return known
  }
  return {
    asked: () => asked,
    snapshot: async (range): Promise<SourcedSnapshot | undefined> => {
      asked++
      if (isFailing) throw new Error('the source is away')
      return isEmpty ? undefined : { snapshot: of(range), from: 'engine', version: `v${version}-${range}` }
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    change: (how = (snapshot) => ({ ...snapshot, events: snapshot.events + 1 })) => {
      for (const [range, snapshot] of made) made.set(range, how(snapshot))
      version++
      for (const listener of listeners) listener()
    },
    empty: () => {
      isEmpty = true
    },
    fail: (now) => {
      isFailing = now
    },
  }
}
