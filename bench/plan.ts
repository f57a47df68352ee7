/** What is measured: the rows of the table, each with the job that gives its figures. */
import type { Job, RequestShape } from './load/job.ts'
import type { BenchOptions, Group } from './options.ts'

export interface Row {
  readonly id: string
  readonly title: string
  readonly group: Group
  readonly job: Job
}

const REQUEST_TITLES: Record<RequestShape, string> = {
  'authors20-kind1': '20 authors, kind 1, limit 50',
  id: '1 id',
  ids20: '20 ids',
  kind1: 'kind 1, limit 100',
  e: '#e, 1 value',
  p: '#p, 1 value, limit 50',
}
const REQUEST_SHAPES: readonly RequestShape[] = ['authors20-kind1', 'id', 'ids20', 'kind1', 'e', 'p']
const COUNT_TITLES = { kind1: 'kind 1', 'authors20-kind1': '20 authors, kind 1', p: '#p, 1 value' } as const

const CONNECTIONS = 20
const EVENT_WINDOW = 32
const REQUEST_WINDOW = 8
const PUBLISH_TIMEOUT_SECONDS = 300
const SINGLE_TIMEOUT_SECONDS = 10
const SUBSCRIPTIONS_PER_CONNECTION = 10
const FAN_OUT_EVENTS_PER_SECOND = 200
const FAN_OUT_GRACE_SECONDS = 20
const HONEST_CLIENTS = 28
/** Three of ten. */
const HOSTILE_CLIENTS = 12
const HONEST_PER_SECOND = 200
const MAX_REAL_EVENTS = 100_000

export type Scale = Pick<BenchOptions, 'events' | 'isQuick'>

/** Live notes one round needs: with a relay that keeps its data each round takes the next ones. */
export function liveEventsPerRound(scale: Scale): number {
  return liveRows(scale, 0).reduce((sum, { job }) => sum + liveEventsOf(job), 0)
}

function liveEventsOf(job: Job): number {
  if (job.scenario === 'crowd') return job.perSecond * job.seconds
  return job.scenario === 'fan-out' ? job.count : 0
}

/**
 * The rows of one round, in the order in which they are measured on one relay.
 *
 * @param round from 0; where data is kept from round to round, each publishes other events.
 */
export function planRows(scale: Scale, round: number, hasRealEvents: boolean): readonly Row[] {
  return [
    ...eventRows(scale, round, hasRealEvents),
    ...requestRows(scale),
    ...countRows(scale),
    ...liveRows(scale, round * liveEventsPerRound(scale)),
  ]
}

/** The rows that publish notes kept for it, from the one with this index on. */
function liveRows(scale: Scale, first: number): readonly Row[] {
  const fanOut = fanOutRows(scale, first)
  const next = fanOut.reduce((at, { job }) => at + liveEventsOf(job), first)
  return [...fanOut, ...crowdRows(scale, next)]
}

/** The row for connections that rest; measured on a relay of its own, as freshly started. */
export function planIdleRow({ isQuick }: Scale): Row {
  const connections = isQuick ? 1000 : 10_000
  const title = `${connections.toLocaleString('en')} idle connections`
  return { id: 'idle', title, group: 'idle', job: { scenario: 'idle', connections } }
}

/** The crowd comes first, so that one connection meets a relay that is warm, as one is that runs for weeks. */
function eventRows({ events, isQuick }: Scale, round: number, hasRealEvents: boolean): Row[] {
  const first = round * events
  const single = isQuick ? 500 : 2000
  const publish = { scenario: 'publish', source: 'dataset' } as const
  const crowd = { connections: CONNECTIONS, window: EVENT_WINDOW, timeoutSeconds: PUBLISH_TIMEOUT_SECONDS }
  const rows: Row[] = [
    {
      id: 'event-c20',
      title: `EVENT, ${CONNECTIONS} connections, window ${EVENT_WINDOW}`,
      group: 'event',
      job: { ...publish, first, count: events - single, ...crowd },
    },
    {
      id: 'event-c1',
      title: 'EVENT, 1 connection, 1 at a time',
      group: 'event',
      job: {
        ...publish,
        first: first + events - single,
        count: single,
        connections: 1,
        window: 1,
        timeoutSeconds: SINGLE_TIMEOUT_SECONDS,
      },
    },
  ]
  if (hasRealEvents && round === 0) {
    const job = { ...publish, source: 'real', first: 0, count: MAX_REAL_EVENTS, ...crowd } as const
    rows.push({ id: 'event-real', title: `EVENT, real ones, window ${EVENT_WINDOW}`, group: 'event', job })
  }
  return rows
}

function requestRows({ isQuick }: Scale): Row[] {
  const seconds = isQuick ? 0.6 : 2
  return REQUEST_SHAPES.flatMap((shape) =>
    [1, REQUEST_WINDOW].map(
      (window): Row => ({
        id: `req-${shape}-w${window}`,
        title: `REQ ${REQUEST_TITLES[shape]}${window === 1 ? '' : `, window ${window}`}`,
        group: 'req',
        job: { scenario: 'request', verb: 'REQ', shape, connections: CONNECTIONS, window, seconds },
      }),
    ),
  )
}

function countRows({ isQuick }: Scale): Row[] {
  const seconds = isQuick ? 0.6 : 2
  return (['kind1', 'authors20-kind1', 'p'] as const).map((shape) => ({
    id: `count-${shape}`,
    title: `COUNT ${COUNT_TITLES[shape]}`,
    group: 'count',
    job: { scenario: 'request', verb: 'COUNT', shape, connections: CONNECTIONS, window: 1, seconds },
  }))
}

/** The same honest crowd alone and among hostile clients, one measurement right after the other. */
function crowdRows({ isQuick }: Scale, first: number): Row[] {
  const seconds = isQuick ? 2 : 10
  return (['EVENT', 'REQ'] as const).flatMap((verb, verbIndex) =>
    [0, HOSTILE_CLIENTS].map((hostile, index): Row => {
      const company = hostile === 0 ? 'alone' : `beside ${hostile} hostile ones`
      return {
        id: `crowd-${verb.toLowerCase()}-${hostile === 0 ? 'alone' : 'hostile'}`,
        title: `${verb} of ${HONEST_CLIENTS} honest clients ${company}, ${HONEST_PER_SECOND}/s`,
        group: 'crowd',
        job: {
          scenario: 'crowd',
          verb,
          honest: HONEST_CLIENTS,
          hostile,
          perSecond: HONEST_PER_SECOND,
          first: first + (2 * verbIndex + index) * HONEST_PER_SECOND * seconds,
          seconds,
        },
      }
    }),
  )
}

function fanOutRows({ isQuick }: Scale, first: number): Row[] {
  const steadyEvents = FAN_OUT_EVENTS_PER_SECOND * (isQuick ? 1 : 5)
  const burstEvents = isQuick ? 50 : 300
  let next = first
  const row = (
    id: string,
    title: string,
    audience: 'all' | 'follow',
    subscriptions: number,
    isBurst: boolean,
  ): Row => {
    const count = isBurst ? burstEvents : steadyEvents
    const job: Job = {
      scenario: 'fan-out',
      audience,
      subscriptions,
      connections: subscriptions / SUBSCRIPTIONS_PER_CONNECTION,
      first: next,
      count,
      eventsPerSecond: isBurst ? 'burst' : FAN_OUT_EVENTS_PER_SECOND,
      graceSeconds: FAN_OUT_GRACE_SECONDS,
    }
    next += count
    return { id, title, group: 'fanout', job }
  }
  return [
    row('fanout-follow-5000', 'fan-out 5,000 follow feeds, 200 EVENT/s', 'follow', 5000, false),
    row('fanout-1000', 'fan-out 1,000 subs, all match, 200 EVENT/s', 'all', 1000, false),
    ...(isQuick
      ? []
      : [row('fanout-5000', 'fan-out 5,000 subs, all match, 200 EVENT/s', 'all', 5000, false)]),
    row('fanout-burst', `fan-out 1,000 subs, burst of ${burstEvents}`, 'all', 1000, true),
  ]
}
