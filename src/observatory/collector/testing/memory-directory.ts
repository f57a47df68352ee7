import type { DirectoryEntry, RelayDirectory, RelayOrigin } from '../../relay-directory.ts'
import type { RelayReport } from '../../relay-report.ts'

/** A directory that lasts as long as a test; collectors may share it. */
export interface MemoryDirectory extends RelayDirectory {
  /** What the keeper does with reports: what they say is what the next reader finds. */
  apply(reports: readonly RelayReport[]): void
  entryOf(url: string): DirectoryEntry
  /** As an operator does; collectors see it when they look. */
  refuse(url: string, isRefused: boolean): void
  /** As the table does with a relay that was tried in vain for too long: it keeps its number. */
  giveUp(url: string): void
  readonly origins: ReadonlyMap<string, RelayOrigin>
}

export function createMemoryDirectory(): MemoryDirectory {
  const entries = new Map<string, DirectoryEntry>()
  const origins = new Map<string, RelayOrigin>()
  const givenUp = new Set<string>()
  const entryOf = (url: string) => {
    const entry = entries.get(url)
    if (entry === undefined) throw new Error(`${url} is not in the directory`)
    return entry
  }
  return {
    origins,
    entryOf,
    refuse: (url, isRefused) => void entries.set(url, { ...entryOf(url), isRefused }),
    giveUp: (url) => void givenUp.add(url),
    all: async () => [...entries.values()].filter(({ url }) => !givenUp.has(url)),
    learn: async (urls, origin) => {
      for (const url of urls) {
        if (entries.has(url)) continue
        origins.set(url, origin)
        entries.set(url, {
          relay: entries.size + 1,
          url,
          isProven: false,
          cursor: { since: undefined, until: undefined },
          failures: 0,
          nextTrySeconds: 0,
        })
      }
      return urls.filter((url) => !givenUp.has(url)).map(entryOf)
    },
    apply: (reports) => {
      for (const report of reports) {
        const entry = [...entries.values()].find(({ relay }) => relay === report.relay)
        if (entry === undefined) throw new Error(`there is no relay ${report.relay}`)
        const { isProven, failures, nextTrySeconds, cursor = entry.cursor } = report
        entries.set(entry.url, { ...entry, isProven, failures, nextTrySeconds, cursor })
      }
    },
  }
}
