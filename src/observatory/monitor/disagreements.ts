/** Where another monitor differs from us, in words for people. */
import { requirementsOf } from './discovery-of.ts'
import { isDown, isOnline, type MonitoredRelay } from './monitored-relay.ts'
import type { RelayTimes } from './probe-relay.ts'

/** Times that differ by more than this factor disagree, unless both are so short that it means nothing. */
const RTT_FACTOR = 3
const RTT_NOISE_MS = 30
/** A monitor publishes a relay as long as it is online; what is older says nothing of now. */
const FRESH_SECONDS = 3 * 3600
/** And what is older than this says that the monitor stopped seeing the relay. */
const GIVEN_UP_SECONDS = 2 * 86_400

/** Keys of requirements that are compared, of those of NIP-66. */
export const COMPARED_REQUIREMENTS: ReadonlySet<string> = new Set(['payment', 'auth'])

/** What another monitor has said of a relay, as far as it is compared. */
export interface MonitorFacts {
  readonly atSeconds: number
  readonly rttOpenMs: number | undefined
  readonly rttReadMs: number | undefined
  readonly rttWriteMs: number | undefined
  readonly nips: readonly number[]
  readonly requirements: ReadonlyMap<string, boolean>
}

/** What we know of it, and what we measured last. */
export interface OurFacts {
  readonly relay: MonitoredRelay
  readonly times: RelayTimes
}

export function disagreementsOf(
  theirs: MonitorFacts,
  { relay, times }: OurFacts,
  nowSeconds: number,
): readonly string[] {
  return [
    ...stateDisagreement(theirs, relay, nowSeconds),
    ...rttDisagreement('open a connection', theirs.rttOpenMs, times.openMs),
    ...rttDisagreement('answer a question', theirs.rttReadMs, times.readMs),
    ...rttDisagreement('take an event', theirs.rttWriteMs, times.writeMs),
    ...nipsDisagreement(theirs, relay),
    ...requirementDisagreement('payment', 'payment', theirs, relay),
    ...requirementDisagreement('auth', 'authentication', theirs, relay),
  ]
}

function stateDisagreement(
  theirs: MonitorFacts,
  ours: MonitoredRelay,
  nowSeconds: number,
): readonly string[] {
  const ageSeconds = nowSeconds - theirs.atSeconds
  if (isDown(ours) && ageSeconds <= FRESH_SECONDS)
    return [`It saw the relay online ${ageOf(ageSeconds)} ago; we cannot reach it.`]
  if (isOnline(ours) && ageSeconds > GIVEN_UP_SECONDS)
    return [`It saw the relay online ${ageOf(ageSeconds)} ago and not since; we are connected to it.`]
  return []
}

function rttDisagreement(
  doing: string,
  theirMs: number | undefined,
  ourMs: number | undefined,
): readonly string[] {
  if (theirMs === undefined || ourMs === undefined) return []
  const longer = Math.max(theirMs, ourMs)
  if (longer <= RTT_NOISE_MS || longer <= RTT_FACTOR * Math.min(theirMs, ourMs)) return []
  return [`It measured ${Math.round(theirMs)} ms to ${doing}, we ${Math.round(ourMs)} ms.`]
}

/** A monitor that lists no NIP at all has not looked. */
function nipsDisagreement(
  { nips: theirs }: MonitorFacts,
  { information }: MonitoredRelay,
): readonly string[] {
  if (theirs.length === 0 || information === undefined || information.nips.length === 0) return []
  const onlyTheirs = theirs.filter((nip) => !information.nips.includes(nip))
  const onlyOurs = information.nips.filter((nip) => !theirs.includes(nip))
  return [
    ...(onlyTheirs.length === 0
      ? []
      : [`It says the relay has ${nipList(onlyTheirs)}; the relay does not tell us so.`]),
    ...(onlyOurs.length === 0
      ? []
      : [`The relay tells us that it has ${nipList(onlyOurs)}; the monitor does not say so.`]),
  ]
}

function requirementDisagreement(
  key: string,
  name: string,
  theirs: MonitorFacts,
  ours: MonitoredRelay,
): readonly string[] {
  const they = theirs.requirements.get(key)
  const we = requirementsOf(ours.information).get(key)
  if (they === undefined || we === undefined || they === we) return []
  return [
    they
      ? `It says that the relay requires ${name}; the relay tells us that it does not.`
      : `It says that the relay requires no ${name}; the relay tells us that it does.`,
  ]
}

/** So many are named; a longer list would be all that is read. */
const NAMED_NIPS = 10

function nipList(nips: readonly number[]): string {
  const named = nips.slice(0, NAMED_NIPS).join(', ')
  const more = nips.length > NAMED_NIPS ? ` and ${nips.length - NAMED_NIPS} more` : ''
  return `${nips.length === 1 ? 'NIP' : 'NIPs'} ${named}${more}`
}

function ageOf(seconds: number): string {
  if (seconds < 7200) return `${Math.max(0, Math.round(seconds / 60))} min`
  return seconds < 2 * 86_400 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}
