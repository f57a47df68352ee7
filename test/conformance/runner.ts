/** Runs rows: a few at a time, each with its own connections and keys, none for longer than its time. */
import type { ControlledRelay, RelayControl } from './kit/control.ts'
import { type RelayInfo, readRelayInfo } from './kit/nip11.ts'
import type { Result } from './kit/report.ts'
import type { Need, Row, Section } from './kit/row.ts'
import { SharedRelays } from './kit/shared-relays.ts'
import { Trial, type TrialOptions } from './kit/trial.ts'
import { RowFailure, RowSkip } from './kit/verdict.ts'

const ROW_TIMEOUT_MS = 60_000
/** Frames shown with a failure. */
const EXCHANGE_LINES = 24

export interface RunnerSetup {
  readonly url: string
  readonly relayUrl: string
  readonly info: RelayInfo
  readonly control: RelayControl | undefined
  readonly concurrency: number
  readonly options: TrialOptions
  /** Called as each row ends. */
  readonly onResult: (result: Result) => void
}

interface Job {
  readonly section: Section
  readonly row: Row
}

/** Runs every row of `sections`; the results are in the order of the checklist. */
export async function runRows(sections: readonly Section[], setup: RunnerSetup): Promise<Result[]> {
  const jobs = sections.flatMap((section) => section.rows.map((row) => ({ section, row })))
  const results = new Map<string, Result>()
  const relays = new SharedRelays(
    jobs.map(({ row }) => row),
    setup.control,
  )
  const finish = async (job: Job) => {
    const result = await runJob(job, setup, relays)
    results.set(job.row.id, result)
    setup.onResult(result)
  }
  await runPool(
    jobs.filter((job) => !job.row.isAlone),
    setup.concurrency,
    finish,
  )
  await runPool(
    jobs.filter((job) => job.row.isAlone),
    1,
    finish,
  )
  return jobs.flatMap(({ row }) => results.get(row.id) ?? [])
}

async function runPool(jobs: readonly Job[], width: number, run: (job: Job) => Promise<void>): Promise<void> {
  const queue = jobs.values()
  const work = async () => {
    for (const job of queue) await run(job)
  }
  await Promise.all(Array.from({ length: width }, work))
}

async function runJob({ section, row }: Job, setup: RunnerSetup, relays: SharedRelays): Promise<Result> {
  const startedAtMs = Date.now()
  const base = { id: row.id, section: section.number, level: row.level, claim: row.claim }
  const trials: Trial[] = []
  try {
    await runRow(row, setup, { relays, trials })
    return { ...base, outcome: 'pass', notes: notesOf(trials), tookMs: Date.now() - startedAtMs }
  } catch (error) {
    const outcome = error instanceof RowSkip ? 'skip' : 'fail'
    const exchange = outcome === 'fail' ? trials.flatMap((t) => t.transcript.tail(EXCHANGE_LINES)) : []
    const tookMs = Date.now() - startedAtMs
    return { ...base, outcome, reason: reasonOf(error), exchange, notes: notesOf(trials), tookMs }
  }
}

interface RowPlace {
  readonly relays: SharedRelays
  /** Gets what the row has in hand, for the report. */
  readonly trials: Trial[]
}

async function runRow(row: Row, setup: RunnerSetup, { relays, trials }: RowPlace): Promise<void> {
  const need = needOf(row, setup)
  let relay: ControlledRelay | undefined
  try {
    if (row.isSlow && !setup.options.isSlow) throw new RowSkip('takes minutes; run it with --slow')
    relay = need && (await relays.start(need))
    if (need !== undefined && relay === undefined) throw new RowSkip(`run it against a relay ${need.relay}`)
    const url = relay?.url ?? setup.url
    const info = relay === undefined ? setup.info : await readRelayInfo(url)
    const relayUrl = relay === undefined ? setup.relayUrl : url
    const trial = new Trial({ url, relayUrl, info, control: setup.control, relay, options: setup.options })
    trials.push(trial)
    await runTrial(row, trial)
  } finally {
    await relays.leave(row, relay)
  }
}

async function runTrial(row: Row, trial: Trial): Promise<void> {
  try {
    await withinTime(row.run(trial), trial, row.timeoutMs ?? ROW_TIMEOUT_MS)
  } finally {
    await trial.end()
  }
}

/** What the relay under test is not; undefined when the row can run on it. */
function needOf({ needs }: Row, { info, options }: RunnerSetup): Need | undefined {
  const { pingTimeoutMs, adminKey, isSlow } = options
  const known = { pingTimeoutMs, isSlow, hasAdminKey: adminKey !== undefined }
  return needs?.isShown(info, known) === false ? needs : undefined
}

/** Gives the row its time. What it takes to start relays for it is the judge's, not the relay's. */
function withinTime(work: Promise<void>, trial: Trial, timeoutMs: number): Promise<void> {
  const beganAtMs = performance.now()
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((_, reject) => {
    const look = (): void => {
      const leftMs = timeoutMs + trial.preparationMs() - (performance.now() - beganAtMs)
      if (leftMs > 0) timer = setTimeout(look, leftMs)
      else reject(new RowFailure(`the row did not end within ${timeoutMs} ms`))
    }
    look()
  })
  // The loser of the race may still reject later, when its connections are ended: that is no news.
  work.catch(() => {})
  return Promise.race([work, limit]).finally(() => clearTimeout(timer))
}

function notesOf(trials: readonly Trial[]): string[] {
  return trials.flatMap((trial) => trial.notes)
}

function reasonOf(error: unknown): string {
  if (error instanceof RowFailure || error instanceof RowSkip) return error.message
  return error instanceof Error ? error.message : String(error)
}
