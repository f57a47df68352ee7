/** What `stoa doctor` says of the observatory: what is watched, who keeps the figures, the journal, what exports need. */
import { join, resolve } from 'node:path'
import { type Finding, ok, type RunningProgram, warn } from './cli/index.ts'
import type { Config } from './config/index.ts'
import type { ObservatoryFacts } from './console/index.ts'
import { systemClock } from './kernel/index.ts'
import { canExport } from './observatory/export/index.ts'
import { journalOnDisk } from './observatory/journal/index.ts'
import { readStanding, type Standing } from './observatory/records/index.ts'
import type { InspectedDatabase } from './platform/database/index.ts'

/** What somebody should read, and what is merely so. */
interface Observed {
  readonly said: readonly string[]
  readonly wrong: readonly string[]
}

/** A program that has just started is given so long before it is asked where its figures are. */
const STARTING_SECONDS = 120
/** Deliveries come once a second from each collector. */
const MANY_WAITING_BATCHES = 600
const SLACK_SECONDS = 300

/** As the running program says; only what it can see is asked for. */
export async function askedObservatory(config: Config, running: RunningProgram): Promise<Finding> {
  const off = offFinding(config)
  if (off !== undefined) return off
  const { status, json } = await running.observatory()
  if (status === 404) return warn('not looked at: the running program is of an older version')
  if (status !== 200 || !isFacts(json)) return warn(`not looked at: ${JSON.stringify(json)}`)
  const upSeconds = systemClock.nowSeconds() - running.startedAtSeconds
  return findingOf([
    ofFacts(json, { nowSeconds: systemClock.nowSeconds(), upSeconds, ...config.observatory }),
    await exporting(),
  ])
}

/** Without a program that could be asked: by the database, which others may use, and the journal. */
export async function inspectedObservatory(
  config: Config,
  { db, pending }: InspectedDatabase,
): Promise<Finding> {
  const off = offFinding(config)
  if (off !== undefined) return off
  if (pending.length > 0)
    return warn('not looked at before all migrations are applied: start the program once')
  return findingOf([
    ofStanding(config, await readStanding(db), systemClock.nowSeconds()),
    await journalLeft(config),
    await exporting(),
  ])
}

/** Where there is no database to look at. */
export async function unseenObservatory(config: Config): Promise<Finding> {
  const off = offFinding(config)
  return (
    off ?? findingOf([{ said: [watched(config)], wrong: [] }, await journalLeft(config), await exporting()])
  )
}

function offFinding({ observatory, process }: Config): Finding | undefined {
  if (observatory.watch === 'off') return ok('switched off (observatory.watch)')
  if (process.roles.includes('collector') || process.roles.includes('api')) return undefined
  return ok('not a part of this process (process.roles)')
}

interface Moment {
  readonly nowSeconds: number
  readonly upSeconds: number
  readonly snapshotSeconds: number
}

/** What a program says of itself, as findings. */
export function ofFacts(
  facts: ObservatoryFacts,
  { nowSeconds, upSeconds, snapshotSeconds }: Moment,
): Observed {
  const { watch, hasKeeper, isKeeper, figures, delivery, waitingBatches, setAsideBatches } = facts
  const isNew = upSeconds < STARTING_SECONDS
  const reached =
    figures === undefined
      ? ''
      : `: ${figures.relaysConnected} of ${figures.relaysWatched} relays connected, ${figures.relaysProven} proven`
  const said = [
    `${watch === 'own' ? 'watches this relay only' : 'watches the network'}${reached}`,
    ...(hasKeeper ? [`the figures are kept by ${isKeeper ? 'this process' : 'another process'}`] : []),
    ...(facts.snapshotAtSeconds === undefined
      ? []
      : [`written ${nowSeconds - facts.snapshotAtSeconds} seconds ago`]),
  ]
  const isOld =
    facts.snapshotAtSeconds !== undefined &&
    upSeconds > 2 * snapshotSeconds + SLACK_SECONDS &&
    nowSeconds - facts.snapshotAtSeconds > 2 * snapshotSeconds + SLACK_SECONDS
  const isFewReached = figures !== undefined && !isNew && figures.relaysConnected < figures.relaysWatched / 2
  const wrong = [
    ...(hasKeeper || isNew
      ? []
      : ['no process keeps the figures: read the log of one with the role collector']),
    ...(facts.state === 'restarting'
      ? [`its thread ends again and again: ${facts.reason ?? 'read the log'}`]
      : []),
    ...(isOld ? ['the figures are not written any more: read the log of the process that keeps them'] : []),
    ...(isFewReached
      ? ['fewer than half of the relays are reached: look at the network of this machine']
      : []),
    ...(waitingBatches > MANY_WAITING_BATCHES
      ? [`${waitingBatches} deliveries wait to be counted: the keeper does not keep up`]
      : []),
    ...setAside(setAsideBatches),
    ...ofCheckpoints(facts),
    ...ofDelivery(delivery),
  ]
  return { said, wrong }
}

function ofDelivery(delivery: ObservatoryFacts['delivery']): readonly string[] {
  if (delivery === undefined) return []
  const { isJournalFull, journalBytes, failuresInARow, lastError } = delivery
  if (isJournalFull === true)
    return [`the journal is full (${journalBytes} bytes) and relays are read more slowly: mend the database`]
  if (Number(failuresInARow) > 0)
    return [`deliveries fail (${lastError ?? 'read the log'}): ${journalBytes} bytes wait in the journal`]
  return []
}

/** What the database alone says. */
function ofStanding(config: Config, standing: Standing, nowSeconds: number): Observed {
  const { hasKeeper, snapshotAtSeconds, setAsideBatches, collectors } = standing
  const written =
    snapshotAtSeconds === undefined
      ? 'no figures are written yet'
      : `figures were written ${nowSeconds - snapshotAtSeconds} seconds ago`
  const others = hasKeeper ? [`another process keeps them, ${collectors.length} collect`] : []
  return {
    said: [watched(config), written, ...others],
    wrong: [...setAside(setAsideBatches), ...ofCheckpoints(standing)],
  }
}

function ofCheckpoints({
  unreadableState,
  checkpointSetAsideAtSeconds,
}: Partial<Pick<Standing, 'unreadableState' | 'checkpointSetAsideAtSeconds'>>): readonly string[] {
  if (unreadableState !== undefined)
    return [
      `the figures cannot be read back (${unreadableState}): start the version that wrote them, restore a backup, or let them begin at nothing by: stoa observatory begin-anew`,
    ]
  if (checkpointSetAsideAtSeconds === undefined) return []
  const at = new Date(checkpointSetAsideAtSeconds * 1_000).toISOString()
  return [
    `a damaged checkpoint of the figures was found at ${at}, and nothing was lost; look at the disk of the database, then empty observatory_damaged_checkpoints`,
  ]
}

function setAside(batches: number): readonly string[] {
  if (batches === 0) return []
  return [
    `${batches} deliveries could not be counted: observation_batches.set_aside says why (a bug to report, as it seems)`,
  ]
}

function watched({ observatory }: Config): string {
  return observatory.watch === 'own' ? 'watches this relay only' : 'watches the network'
}

async function journalLeft({ data, observatory }: Config): Promise<Observed> {
  const bytes = await journalOnDisk(join(resolve(data.dir), 'observatory'))
  if (bytes === 0) return { said: ['the journal is empty'], wrong: [] }
  const text = `${bytes} bytes wait in the journal and are delivered after the next start`
  return bytes > observatory.journalBytes / 2 ? { said: [], wrong: [text] } : { said: [text], wrong: [] }
}

async function exporting(): Promise<Observed> {
  if (await canExport())
    return { said: ['DuckDB is there for exports; nothing else is needed, no browser either'], wrong: [] }
  return {
    said: [],
    wrong: [
      'DuckDB is not installed, so that history cannot be exported: npm install --include=optional @duckdb/node-api',
    ],
  }
}

function findingOf(observed: readonly Observed[]): Finding {
  const wrong = observed.flatMap((one) => one.wrong)
  const said = observed.flatMap((one) => one.said).join(', ')
  return wrong.length === 0 ? ok(said) : warn([...wrong, ...(said === '' ? [] : [said])].join('\n'))
}

/** Its version may be another one than ours, so its answer is looked at before it is believed. */
function isFacts(json: unknown): json is ObservatoryFacts {
  if (typeof json !== 'object' || json === null) return false
  const { watch, hasKeeper, waitingBatches, setAsideBatches } = json as Partial<
    Record<keyof ObservatoryFacts, unknown>
  >
  return (
    (watch === 'own' || watch === 'network') &&
    typeof hasKeeper === 'boolean' &&
    typeof waitingBatches === 'number' &&
    typeof setAsideBatches === 'number'
  )
}
