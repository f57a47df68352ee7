import { fetchRelayInformation, type RelayInformation } from './relay-information.ts'
import type { RelayRoute } from './relay-route.ts'

/** Information documents that are fetched at once. */
const AT_ONCE = 16

/** Fetches the information of relays, not all at the same time. */
export interface InformationDesk {
  /** Undefined when the relay gives none, or when the desk was stopped. */
  ask(route: RelayRoute): Promise<RelayInformation | undefined>
  stop(): void
}

export function createInformationDesk(): InformationDesk {
  const stopped = new AbortController()
  const waiting: (() => void)[] = []
  let running = 0
  const ask = async (route: RelayRoute) => {
    if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    if (stopped.signal.aborted) return undefined
    running += 1
    try {
      const answer = await fetchRelayInformation(route, stopped.signal)
      return answer.ok ? answer.value : undefined
    } finally {
      running -= 1
      waiting.shift()?.()
    }
  }
  return {
    ask,
    stop: () => {
      stopped.abort()
      for (const go of waiting.splice(0)) go()
    },
  }
}
