/**
 * The figures on the front page. One question brings all of them (`full`), so that they are of one moment; then the stream
 * brings those that move. Whoever cannot stream asks for them again, within what the API lets anybody ask for.
 */
import { effect, signal, untracked } from '@preact/signals'
import type { ActivityBody, FullBody, OverviewBody, RangeName } from '../api/bodies.ts'
import { askAgainMs } from '../api/failure.ts'
import { get } from '../api/get.ts'
import { isStandingStill } from '../figures/standstill.tsx'
import { connection, failure } from './connection.ts'
import { openStream } from './stream.ts'

export const overview = signal<OverviewBody | undefined>(undefined)
export const activity = signal<readonly ActivityBody[] | undefined>(undefined)
export const full = signal<FullBody | undefined>(undefined)
/** Figures of another range are still shown. */
export const isChanging = signal(false)
/** The newest figures that the server has were old already when they came. */
export const areStale = signal(false)

/** 100 questions in 15 minutes are free: these are 8 and 30. */
const FULL_EVERY_MS = 120_000
const POLL_EVERY_MS = 30_000
const STREAM_AGAIN_MS = 60_000
/** After the first event of all was heard of, until it is in the figures that do not stream. */
const FIRST_MS = 1_000
/** After a question that had no answer and said nothing. */
const AGAIN_MS = 10_000

/** Follows a range while somebody looks. Returns how to stop. */
export function followFigures(range: RangeName): () => void {
  const stopped = new AbortController()
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  let closeStream = () => {}

  const later = (what: string, waitMs: number, work: () => void) => {
    clearTimeout(timers.get(what))
    if (!stopped.signal.aborted) timers.set(what, setTimeout(work, waitMs))
  }

  const askForAll = async () => {
    const answer = await get<FullBody>(`/stats/full/${range}`, stopped.signal)
    if (stopped.signal.aborted) return
    if (answer.ok) takeFull(answer.value)
    else failure.value = answer.failure
    later('full', answer.ok ? FULL_EVERY_MS : waitAfterFailure(), () => void askForAll())
  }

  let hasHurried = false
  const show = (newer: OverviewBody) => {
    // With the first event of all the rest of the page begins too: it is asked for now, once, and not in two minutes.
    if (isFirstEvent(newer) && !hasHurried) {
      hasHurried = true
      later('full', FIRST_MS, () => void askForAll())
    }
    takeOverview(newer)
  }

  const poll = async () => {
    // One question at a time: while the large one waits for its turn, the small one would only use up the limit.
    if (failure.value === undefined) {
      const answer = await get<OverviewBody>(`/stats/overview?range=${range}`, stopped.signal)
      if (stopped.signal.aborted) return
      if (answer.ok) show(answer.value)
      else {
        failure.value = answer.failure
        later('full', waitAfterFailure(), () => void askForAll())
      }
    }
    later('poll', POLL_EVERY_MS, () => void poll())
  }

  const stream = () => {
    closeStream = openStream({
      range,
      topics: ['overview', 'activity'],
      onMessage: ({ topic, range: of, data }) => {
        // Before all figures of a range are there, some of them would stand beside those of another one.
        if (full.peek()?.time_range !== of) return
        if (topic === 'overview') show(data as OverviewBody)
        if (topic === 'activity') activity.value = data as readonly ActivityBody[]
      },
      onOpen: () => {
        clearTimeout(timers.get('poll'))
        connection.value = 'live'
      },
      onLost: () => {
        connection.value = navigator.onLine ? 'polling' : 'offline'
        later('poll', POLL_EVERY_MS, () => void poll())
        later('stream', STREAM_AGAIN_MS, stream)
      },
    })
  }

  isChanging.value = full.peek() !== undefined && full.peek()?.time_range !== range
  connection.value = 'connecting'
  void askForAll()
  stream()
  return () => {
    stopped.abort()
    closeStream()
    for (const timer of timers.values()) clearTimeout(timer)
  }
}

/** Whoever presses "try again", or comes back to the network. */
const attempt = signal(0)

export function tryAgain(): void {
  failure.value = undefined
  attempt.value += 1
}

/** Follows what is looked at, and nothing while nobody looks. Returns how to stop. */
export function startFigures(
  range: { readonly value: RangeName },
  isWanted: { readonly value: boolean },
): () => void {
  const isSeen = signal(document.visibilityState === 'visible')
  const stopped = new AbortController()
  const listening = { signal: stopped.signal }
  document.addEventListener(
    'visibilitychange',
    () => (isSeen.value = document.visibilityState === 'visible'),
    listening,
  )
  addEventListener('online', tryAgain, listening)
  addEventListener('offline', () => (connection.value = 'offline'), listening)
  const stopFollowing = effect(() => {
    void attempt.value
    const followed = range.value
    if (!isWanted.value) return
    if (!isSeen.value) {
      connection.value = 'paused'
      return
    }
    return untracked(() => followFigures(followed))
  })
  return () => {
    stopped.abort()
    stopFollowing()
  }
}

function takeFull(body: FullBody): void {
  failure.value = undefined
  isChanging.value = false
  full.value = body
  // The stream may have brought newer ones meanwhile.
  const shown = overview.peek()
  const isOlder = shown?.time_range === body.time_range && shown.updated_at > body.overview.updated_at
  if (isOlder) return
  takeOverview(body.overview)
  activity.value = body.activity
}

function takeOverview(body: OverviewBody): void {
  overview.value = body
  areStale.value = isStandingStill(body.updated_at)
}

/** A Stoa that had seen nothing has. */
function isFirstEvent({ time_range, coverage }: OverviewBody): boolean {
  const known = full.peek()
  return (
    known?.time_range === time_range &&
    known.overview.coverage.first_seen === null &&
    coverage.first_seen !== null
  )
}

function waitAfterFailure(): number {
  const why = failure.peek()
  return (why && askAgainMs(why, Date.now())) ?? AGAIN_MS
}
