import type { RelayState } from '../relay-report.ts'
import type { Snapshot } from '../snapshot.ts'

/** Since when a relay is connected, or is not, without a break, as far as this process has seen. */
export interface RelayStanding {
  readonly isConnected: boolean
  readonly sinceSeconds: number
}

/** Undefined: nobody tries to be connected to it, so it is neither up nor down. */
const CONNECTED: Readonly<Record<RelayState, boolean | undefined>> = {
  candidate: undefined,
  refused: undefined,
  connecting: false,
  waiting: false,
  'catching-up': true,
  live: true,
  polling: true,
}

/**
 * Remembers how long each relay is as it is. It lives in memory: after a restart a relay counts as down only when it was
 * so for the whole time again, which also spares everybody the alarms of a start. The same holds while we ourselves are
 * connected to none at all: that says more about us than about them.
 */
export class RelayWatch {
  #standings = new Map<string, RelayStanding>()

  note({ relays, coverage, atSeconds }: Snapshot): void {
    if (coverage.relaysConnected === 0) {
      this.#standings.clear()
      return
    }
    // Made anew, so that relays that are not known any more are forgotten.
    const next = new Map<string, RelayStanding>()
    for (const { url, state } of relays) {
      const isConnected = CONNECTED[state]
      if (isConnected === undefined) continue
      const before = this.#standings.get(url)
      next.set(url, before?.isConnected === isConnected ? before : { isConnected, sinceSeconds: atSeconds })
    }
    this.#standings = next
  }

  /** @param url as the snapshot spells it. */
  standing(url: string): RelayStanding | undefined {
    return this.#standings.get(url)
  }

  /** As `standing`, by `relayKey`: the root of a host has a slash in one spelling and none in the other. */
  standingByKey(key: string): RelayStanding | undefined {
    return this.#standings.get(key) ?? this.#standings.get(`${key}/`)
  }
}
