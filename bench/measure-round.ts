import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { calibrateCore } from './calibrate.ts'
import type { Contestant } from './contestant.ts'
import type { JobReport, LoadSetup } from './load/job.ts'
import { LoadProcess } from './load-process.ts'
import type { BenchOptions, Group } from './options.ts'
import { planIdleRow, planRows, type Row } from './plan.ts'
import { ProcessMeter } from './process-meter.ts'
import { parseTarget, type RelayProcess, startRelay } from './relay-process.ts'

/** One figure set: what one row gave for one relay in one round. */
export interface Sample extends JobReport {
  readonly rowId: string
  readonly title: string
  readonly relay: string
  readonly round: number
}

export interface RoundPlan {
  readonly options: BenchOptions
  readonly round: number
  readonly datasets: Omit<LoadSetup, 'target' | 'pid' | 'relayCore'>
  /** What is running now and must be stopped if the bench is. */
  readonly running: Set<() => void | Promise<void>>
  readonly say: (text: string) => void
}

/** Measures one relay once: on a fresh start for resting connections, on another for all the rest. */
export async function measureRound(contestant: Contestant, plan: RoundPlan): Promise<Sample[]> {
  const { groups } = plan.options
  const samples: Sample[] = []
  if (groups.includes('idle')) {
    samples.push(...(await onRelay(contestant, plan, (session) => session.run([planIdleRow(plan.options)]))))
  }
  if (groups.some((group) => group !== 'idle')) {
    const core = plan.options.isPinned ? plan.options.relayCore : undefined
    samples.push(sampleOf(contestant, plan, 'core', 'fixed work on that core', calibrateCore(core)))
    samples.push(...(await onRelay(contestant, plan, (session) => measureTraffic(contestant, plan, session))))
  }
  return samples
}

async function measureTraffic(contestant: Contestant, plan: RoundPlan, session: Session): Promise<Sample[]> {
  const { options, datasets } = plan
  // A relay that was started for this round has no data of earlier ones.
  const dataRound = 'command' in contestant ? 0 : plan.round
  const rows = planRows(options, dataRound, datasets.realPath !== undefined)
  const isWanted = (group: Group) => options.groups.includes(group)
  const needsStored = (['event', 'req', 'count', 'crowd'] as const).some(isWanted)
  const publishing = needsStored ? await session.run(rows.filter(({ group }) => group === 'event')) : []
  const others = await session.run(rows.filter(({ group }) => group !== 'event' && isWanted(group)))
  if (!isWanted('event')) return others
  return [...publishing, ...storageSamples(contestant, publishing, session), ...others]
}

const CALM_SHARE = 0.1
const LOOK_MS = 500
const MAX_LOOKS = 40

/** Some relays take clients before all else is ready: what they do then is no cost of the first row. */
async function untilCalm(pid: number): Promise<void> {
  const meter = new ProcessMeter(pid)
  for (let look = 0; look < MAX_LOOKS; look++) {
    const before = meter.read()?.cpuSeconds ?? 0
    await sleep(LOOK_MS)
    const usedSeconds = (meter.read()?.cpuSeconds ?? 0) - before
    if (usedSeconds < (CALM_SHARE * LOOK_MS) / 1000) return
  }
}

/** A relay and its load while rows are measured. */
interface Session {
  readonly relay: RelayProcess | undefined
  run(rows: readonly Row[]): Promise<Sample[]>
  sample(rowId: string, title: string, report: JobReport): Sample
  residentBytes(): number | undefined
}

async function onRelay(
  contestant: Contestant,
  plan: RoundPlan,
  work: (session: Session) => Promise<Sample[]>,
): Promise<Sample[]> {
  const { options, running } = plan
  const relay =
    'command' in contestant
      ? await startRelay(contestant, options.isPinned ? options.relayCore : undefined)
      : undefined
  const stopRelay = async () => relay?.stop()
  running.add(stopRelay)
  try {
    const pid = relay?.pid ?? ('pid' in contestant ? contestant.pid : undefined)
    const relayCore = relay !== undefined && options.isPinned ? options.relayCore : undefined
    const setup = { ...plan.datasets, target: parseTarget(contestant.url), pid, relayCore }
    const load = await LoadProcess.start(setup, options.isPinned ? options.loadCore : undefined)
    const stopLoad = () => load.stop()
    running.add(stopLoad)
    try {
      if (pid !== undefined) await untilCalm(pid)
      return await work(createSession(contestant, plan, relay, pid, load))
    } finally {
      running.delete(stopLoad)
      stopLoad()
    }
  } finally {
    running.delete(stopRelay)
    await stopRelay()
  }
}

function createSession(
  contestant: Contestant,
  plan: RoundPlan,
  relay: RelayProcess | undefined,
  pid: number | undefined,
  load: LoadProcess,
): Session {
  const sample = (rowId: string, title: string, report: JobReport) =>
    sampleOf(contestant, plan, rowId, title, report)
  return {
    relay,
    sample,
    residentBytes: () => (pid === undefined ? undefined : new ProcessMeter(pid).read()?.residentBytes),
    async run(rows) {
      const samples: Sample[] = []
      for (const row of rows) {
        plan.say(`round ${plan.round + 1}, ${contestant.name}: ${row.title}`)
        samples.push(sample(row.id, row.title, await runOrExplain(load, row)))
      }
      return samples
    },
  }
}

function sampleOf(
  contestant: Contestant,
  plan: RoundPlan,
  rowId: string,
  title: string,
  report: JobReport,
): Sample {
  return { rowId, title, relay: contestant.name, round: plan.round, ...report }
}

// One thing that a relay cannot do must not cost the figures of all the others.
async function runOrExplain(load: LoadProcess, row: Row): Promise<JobReport> {
  try {
    return await load.run(row.job)
  } catch (error) {
    return { figures: {}, remarks: [`failed: ${error instanceof Error ? error.message : String(error)}`] }
  }
}

function storageSamples(contestant: Contestant, publishing: readonly Sample[], session: Session): Sample[] {
  const samples: Sample[] = []
  const add = (rowId: string, title: string, figures: JobReport['figures']) =>
    samples.push(session.sample(rowId, title, { figures, remarks: [] }))
  const accepted = publishing.reduce((sum, { figures }) => sum + (figures.accepted ?? 0), 0)
  const dataDir = 'command' in contestant ? contestant.dataDir : undefined
  if (dataDir !== undefined && accepted > 0) {
    add('disk', 'disk per accepted event', { bytesPerEvent: diskBytes(dataDir) / accepted })
  }
  const residentBytes = session.residentBytes()
  if (residentBytes !== undefined) add('memory', 'memory with all events stored', { residentBytes })
  if (session.relay !== undefined)
    add('start', 'start to first connection', { startMs: session.relay.startMs })
  return samples
}

// Blocks, not lengths: databases keep files with holes.
function diskBytes(path: string): number {
  const { blocks } = lstatSync(path)
  const children = lstatSync(path).isDirectory() ? readdirSync(path) : []
  return 512 * blocks + children.reduce((sum, name) => sum + diskBytes(join(path, name)), 0)
}
