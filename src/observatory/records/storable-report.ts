import { OFFENCES, type RelayInformationFacts, type RelayReport } from '../relay-report.ts'
import { storableCount, storableSeconds, storableText } from './storable.ts'

/** Of each list that a relay says of itself. */
const MAX_LIST = 500
const MAX_TEXT = 4_096
const MAX_REASON = 500
/** Measurements of one kind in one report. */
const MAX_MEASUREMENTS = 1_000

/** The report as the tables can take it; relays and collectors say what they like. */
export function storableReport(report: RelayReport): RelayReport {
  const { relay, atSeconds, state, reason, isProven, information, cursor } = report
  return {
    relay: storableCount(relay),
    atSeconds: storableSeconds(atSeconds),
    state,
    ...(reason !== undefined && { reason: storableText(reason, MAX_REASON) }),
    watchedSeconds: amount(report.watchedSeconds),
    connectedSeconds: amount(report.connectedSeconds),
    openMs: measurements(report.openMs),
    readMs: measurements(report.readMs),
    pingMs: measurements(report.pingMs),
    offences: Object.fromEntries(
      OFFENCES.flatMap((offence) => {
        const count = storableCount(report.offences[offence] ?? 0)
        return count === 0 ? [] : [[offence, count] as const]
      }),
    ),
    ...(information !== undefined && { information: storableInformation(information) }),
    ...(cursor !== undefined && {
      cursor: { since: optionalSeconds(cursor.since), until: optionalSeconds(cursor.until) },
    }),
    isProven,
    failures: storableCount(report.failures),
    nextTrySeconds: storableSeconds(report.nextTrySeconds),
  }
}

function storableInformation(information: RelayInformationFacts): RelayInformationFacts {
  const { name, description, software, version, icon } = information
  const texts = Object.entries({ name, description, software, version, icon }).flatMap(([key, text]) =>
    text === undefined ? [] : [[key, storableText(text, MAX_TEXT)] as const],
  )
  return {
    ...information,
    ...Object.fromEntries(texts),
    nips: information.nips.slice(0, MAX_LIST).map(storableCount),
    countries: information.countries.slice(0, MAX_LIST).map((text) => storableText(text, MAX_TEXT)),
    languages: information.languages.slice(0, MAX_LIST).map((text) => storableText(text, MAX_TEXT)),
  }
}

function amount(value: number): number {
  return Number.isFinite(value) ? Math.max(0, value) : 0
}

function measurements(values: readonly number[]): readonly number[] {
  return values.slice(0, MAX_MEASUREMENTS).filter((value) => Number.isFinite(value) && value >= 0)
}

function optionalSeconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : storableSeconds(value)
}

/** Of each relay the newest report, with what only earlier ones of the same delivery said. */
export function newestOfEach(reports: readonly RelayReport[]): readonly RelayReport[] {
  const newest = new Map<number, RelayReport>()
  for (const report of reports) {
    const other = newest.get(report.relay)
    newest.set(report.relay, other === undefined ? report : joined(other, report))
  }
  return [...newest.values()]
}

function joined(one: RelayReport, other: RelayReport): RelayReport {
  const [before, after] = other.atSeconds >= one.atSeconds ? [one, other] : [other, one]
  return { ...before, ...after, isProven: before.isProven || after.isProven }
}
