/** Relays that misbehave in every way there is, several of each, and what must be held against each. */
import type { NostrEvent } from '../../../src/nostr/index.ts'
import {
  MISBEHAVIOURS,
  type MisbehavingRelay,
  type Misbehaviour,
  startMisbehavingRelay,
} from '../../../src/observatory/collector/testing/index.ts'
import type { Offence } from '../../../src/observatory/index.ts'

export interface BadRelay {
  readonly url: string
  readonly way: Misbehaviour
  readonly relay: MisbehavingRelay
}

/**
 * What each way is logged as. Besides, some send the same for every page of the past, and dates that were not asked for
 * there.
 */
export const OFFENCES_OF: Readonly<Record<Misbehaviour, readonly Offence[]>> = {
  garbage: ['not-json'],
  'forged-ids': ['forged-id'],
  'wrong-signatures': ['wrong-signature'],
  'malformed-events': ['malformed-event'],
  'other-filters': ['not-asked-for'],
  'long-messages': ['message-too-long'],
  'endless-stream': ['endless-stream'],
  'endless-pieces': ['endless-stream'],
  'future-dates': ['future-date'],
  'absurd-dates': ['absurd-date'],
  // It takes an hour until it is sure that nobody else shows these authors.
  'many-keys': [],
  'no-eose': ['no-eose'],
  'closes-at-once': ['closed-at-once'],
  redirects: ['redirected'],
  'bad-certificate': ['bad-certificate'],
  hangs: ['silent'],
  silent: ['silent'],
  floods: ['flood'],
  // A web server is no relay; that is no offence.
  'no-websocket': [],
  'no-http': ['not-json'],
}
const MAY_BE_UNASKED: ReadonlySet<Misbehaviour> = new Set([
  'absurd-dates',
  'forged-ids',
  'future-dates',
  'wrong-signatures',
])

/** Whether these, and nothing else, is what a relay that misbehaves so has done. */
export function isJustlyAccused(way: Misbehaviour, accusations: ReadonlySet<string>): boolean {
  const others = [...accusations].filter((one) => !OFFENCES_OF[way].some((offence) => offence === one))
  const hasAll = OFFENCES_OF[way].every((offence) => accusations.has(offence))
  return hasAll && others.every((one) => one === 'not-asked-for' && MAY_BE_UNASKED.has(way))
}

/** Each name is a relay that misbehaves, in one way after the other, and besides shows the events that it is given. */
export async function startBadRelays(
  eventsOf: ReadonlyMap<string, readonly NostrEvent[]>,
): Promise<readonly BadRelay[]> {
  return Promise.all(
    [...eventsOf].map(async ([url, events], index) => {
      const way = MISBEHAVIOURS[index % MISBEHAVIOURS.length]!
      return { url, way, relay: await startMisbehavingRelay({ events, misbehaviour: way }) }
    }),
  )
}
