/** What other monitors said, in the database: the newest of each monitor of each relay, within bounds. */
import { type ColumnType, type Kysely, sql } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import type { MonitorFacts } from './disagreements.ts'

/** Of one relay: the first who come are kept until they are silent for `KEPT_SECONDS`. */
export const MAX_MONITORS_OF_RELAY = 20
/** Of one monitor. */
export const MAX_RELAYS_OF_MONITOR = 10_000
/** Keys that are listened to at all. */
export const MAX_MONITORS = 200
export const KEPT_SECONDS = 30 * 86_400

interface RelayMonitorsTable {
  readonly relay: string
  readonly monitor: string
  readonly at: bigint
  readonly rtt_open: number | null
  readonly rtt_read: number | null
  readonly rtt_write: number | null
  readonly facts: ColumnType<StoredFacts, string, string>
}

interface StoredFacts {
  readonly nips: readonly number[]
  readonly requirements: readonly (readonly [string, boolean])[]
}

declare module '../../platform/database/tables.ts' {
  interface Tables {
    relay_monitors: RelayMonitorsTable
  }
}

/** What one monitor says of one relay. */
export interface MonitorNote extends MonitorFacts {
  /** As `normalizeRelayUrl` spells it. */
  readonly relay: string
  /** Public key, hex. */
  readonly monitor: string
}

/** Writes notes, at most one for each relay and monitor; answers with how many there was no room for. */
export async function writeNotes(db: Kysely<Tables>, notes: readonly MonitorNote[]): Promise<number> {
  if (notes.length === 0) return 0
  return db.transaction().execute(async (tx) => {
    const admitted = admit(notes, await readRoom(tx, notes))
    if (admitted.length > 0) {
      await tx
        .insertInto('relay_monitors')
        .values(admitted.map(rowOf))
        .onConflict((conflict) =>
          conflict
            .columns(['relay', 'monitor'])
            .doUpdateSet((row) => ({
              at: row.ref('excluded.at'),
              rtt_open: row.ref('excluded.rtt_open'),
              rtt_read: row.ref('excluded.rtt_read'),
              rtt_write: row.ref('excluded.rtt_write'),
              facts: row.ref('excluded.facts'),
            }))
            .whereRef('excluded.at', '>', 'relay_monitors.at'),
        )
        .execute()
    }
    return notes.length - admitted.length
  })
}

/** Newest first. */
export async function readNotes(db: Kysely<Tables>, relay: string): Promise<readonly MonitorNote[]> {
  const rows = await db
    .selectFrom('relay_monitors')
    .selectAll()
    .where('relay', '=', relay)
    .orderBy('at', 'desc')
    .orderBy('monitor')
    .limit(MAX_MONITORS_OF_RELAY)
    .execute()
  return rows.map(({ relay: of, monitor, at, rtt_open, rtt_read, rtt_write, facts }) => ({
    relay: of,
    monitor,
    atSeconds: Number(at),
    rttOpenMs: rtt_open ?? undefined,
    rttReadMs: rtt_read ?? undefined,
    rttWriteMs: rtt_write ?? undefined,
    nips: facts.nips,
    requirements: new Map(facts.requirements),
  }))
}

/** Removes what was said so long ago that it makes room for others. */
export async function forgetOldNotes(db: Kysely<Tables>, nowSeconds: number): Promise<void> {
  await db
    .deleteFrom('relay_monitors')
    .where('at', '<', BigInt(nowSeconds - KEPT_SECONDS))
    .execute()
}

interface Room {
  /** Pairs that are in the table, as `relay monitor`. */
  readonly known: ReadonlySet<string>
  readonly monitorsOf: Map<string, number>
  readonly relaysOf: Map<string, number>
}

async function readRoom(db: Kysely<Tables>, notes: readonly MonitorNote[]): Promise<Room> {
  const relays = [...new Set(notes.map(({ relay }) => relay))]
  const rows = await db
    .selectFrom('relay_monitors')
    .select(['relay', 'monitor'])
    .where('relay', '=', sql<string>`any(${relays}::text[])`)
    .execute()
  const counts = await db
    .selectFrom('relay_monitors')
    .select(['monitor', (count) => count.fn.countAll<bigint>().as('relays')])
    .groupBy('monitor')
    .execute()
  const monitorsOf = new Map<string, number>()
  for (const { relay } of rows) monitorsOf.set(relay, (monitorsOf.get(relay) ?? 0) + 1)
  return {
    known: new Set(rows.map(({ relay, monitor }) => `${relay} ${monitor}`)),
    monitorsOf,
    relaysOf: new Map(counts.map(({ monitor, relays: count }) => [monitor, Number(count)])),
  }
}

/** Those that replace what their monitor said before, and new ones while there is room. */
function admit(notes: readonly MonitorNote[], { known, monitorsOf, relaysOf }: Room): readonly MonitorNote[] {
  return notes.filter(({ relay, monitor }) => {
    if (known.has(`${relay} ${monitor}`)) return true
    const relays = relaysOf.get(monitor)
    const monitors = monitorsOf.get(relay) ?? 0
    const isFull =
      monitors >= MAX_MONITORS_OF_RELAY ||
      (relays ?? 0) >= MAX_RELAYS_OF_MONITOR ||
      (relays === undefined && relaysOf.size >= MAX_MONITORS)
    if (isFull) return false
    monitorsOf.set(relay, monitors + 1)
    relaysOf.set(monitor, (relays ?? 0) + 1)
    return true
  })
}

function rowOf({
  relay,
  monitor,
  atSeconds,
  rttOpenMs,
  rttReadMs,
  rttWriteMs,
  nips,
  requirements,
}: MonitorNote) {
  const facts: StoredFacts = { nips, requirements: [...requirements] }
  return {
    relay,
    monitor,
    at: BigInt(atSeconds),
    rtt_open: rttOpenMs ?? null,
    rtt_read: rttReadMs ?? null,
    rtt_write: rttWriteMs ?? null,
    facts: JSON.stringify(facts),
  }
}
