/** Events, activity, zaps, languages, clients, retention. */
import type { ClientFigures, Cohort, Snapshot, TimelinePoint, UserCount } from '../../snapshot.ts'
import type {
  ActivityBody,
  ClientBody,
  CohortBody,
  EventsBody,
  LanguageBody,
  WindowBody,
  ZapsPageBody,
} from '../bodies.ts'
import type { ActiveDay } from '../deps.ts'
import { showUsers, showZaps } from './show-overview.ts'
import { byKind } from './show-relays.ts'
import { isoTime, percentage, satsOf, stepLabel } from './texts.ts'

export function showActivity({
  timeline,
  range,
}: Pick<Snapshot, 'timeline' | 'range'>): readonly ActivityBody[] {
  return timeline.map((point) => activityPoint(point, range === '24h'))
}

function activityPoint(
  { startSeconds, events, users, zaps, zapMsat }: TimelinePoint | ActiveDay,
  isHour: boolean,
): ActivityBody {
  return {
    timestamp: startSeconds,
    date: stepLabel(startSeconds, isHour),
    events,
    active_users: users,
    zaps,
    zap_sats: satsOf(zapMsat),
  }
}

export function showEvents(snapshot: Snapshot): EventsBody {
  const isHour = snapshot.range === '24h'
  return {
    time_range: snapshot.range,
    total_events: snapshot.events,
    distribution: {
      by_kind: byKind(snapshot.byKind),
      by_day: Object.fromEntries(
        snapshot.timeline.map(({ startSeconds, events }) => [stepLabel(startSeconds, isHour), events]),
      ),
    },
    activity_timeline: showActivity(snapshot),
    languages: Object.fromEntries(snapshot.languages.map(({ language, events }) => [language, events])),
  }
}

export interface ShownWindow {
  readonly sinceSeconds: number
  readonly untilSeconds: number
  readonly days: readonly ActiveDay[]
  readonly users: UserCount
}

export function showWindow({ sinceSeconds, untilSeconds, days, users }: ShownWindow): WindowBody {
  return {
    since: isoTime(sinceSeconds),
    until: isoTime(untilSeconds),
    total_events: days.reduce((sum, { events }) => sum + events, 0),
    authors: showUsers(users),
    activity: days.map((day) => activityPoint(day, false)),
  }
}

export function showZapsPage({ zaps, timeline, range }: Snapshot): ZapsPageBody {
  return {
    ...showZaps(zaps),
    time_range: range,
    average_sats: zaps.count === 0 ? null : satsOf(zaps.msat / BigInt(zaps.count)),
    timeline: timeline.map((point) => ({
      timestamp: point.startSeconds,
      date: stepLabel(point.startSeconds, range === '24h'),
      zaps: point.zaps,
      zap_sats: satsOf(point.zapMsat),
    })),
  }
}

export function showLanguages({ languages }: Pick<Snapshot, 'languages'>): readonly LanguageBody[] {
  const known = languages.reduce((sum, { events }) => sum + events, 0)
  return languages.map(({ language, events }) => ({
    language,
    events,
    percentage: percentage(events, known),
  }))
}

export function showClient(
  client: ClientFigures,
  { taggedEvents, events }: Pick<Snapshot, 'taggedEvents' | 'events'>,
): ClientBody {
  return {
    name: client.name,
    count: client.events,
    percentage: percentage(client.events, taggedEvents),
    kinds: client.kinds,
    lastSeen: isoTime(client.lastSeenSeconds),
    users: showUsers(client.users),
    tagged_percentage: percentage(taggedEvents, events),
  }
}

export function showRetention({ cohorts }: Pick<Snapshot, 'cohorts'>): readonly CohortBody[] {
  return cohorts.map(showCohort)
}

function showCohort({ weekStartSeconds, users, active }: Cohort): CohortBody {
  const retention = active.map((there) => (users === 0 ? 0 : Math.round((there / users) * 10_000) / 10_000))
  return { week: stepLabel(weekStartSeconds, false), users, retention }
}
