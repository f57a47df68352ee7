/** What an operator decides of relays, and the list of them that operators see. */
import { sql } from 'kysely'
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { RelayOrigin } from '../relay-directory.ts'
import type { RelayState } from '../relay-report.ts'
import { storableText } from './storable.ts'
import { insertRelays } from './table-directory.ts'
import type { Db, Tx } from './tables.ts'

export interface RelayQuery {
  /** Part of the address. */
  readonly text?: string
  readonly state?: RelayState
  readonly isRefused?: boolean
  /** The last address of the page before. */
  readonly after?: string
  readonly limit?: number
}

export interface ListedRelay {
  readonly url: string
  readonly origin: RelayOrigin
  readonly state: RelayState
  readonly reason: string | undefined
  readonly isProven: boolean
  readonly failures: number
  /** 0 while it is connected, or may be tried at once. */
  readonly nextTrySeconds: number
  readonly reportedAtSeconds: number | undefined
  readonly events24h: number
  readonly refused: RelayRefusal | undefined
}

/** By whom and why an operator has it left alone. */
interface RelayRefusal {
  readonly atSeconds: number
  readonly by: string
  readonly why: string
}

export interface RelayChoice {
  readonly url: string
  readonly maxRelays: number
}

const DEFAULT_PAGE = 100
const MAX_PAGE = 1_000
const MAX_WHY_LENGTH = 500
const MAX_NAME_LENGTH = 200

/** By address. */
export async function listRelays(db: Db, query: RelayQuery): Promise<readonly ListedRelay[]> {
  const { text, state, isRefused, after, limit = DEFAULT_PAGE } = query
  const rows = await db
    .selectFrom('relays')
    .selectAll()
    .$if(text !== undefined, (some) =>
      some.where(sql<boolean>`strpos(url, ${(text ?? '').toLowerCase()}) > 0`),
    )
    .$if(state !== undefined, (some) => some.where('state', '=', state ?? 'candidate'))
    .$if(isRefused !== undefined, (some) =>
      some.where('refused_at', isRefused === true ? 'is not' : 'is', null),
    )
    .$if(after !== undefined, (some) => some.where('url', '>', after ?? ''))
    .orderBy('url')
    .limit(Math.min(Math.max(limit, 1), MAX_PAGE))
    .execute()
  return rows.map((row) => ({
    url: row.url,
    origin: row.origin,
    state: row.state,
    reason: row.reason ?? undefined,
    isProven: row.proven_at !== null,
    failures: row.failures,
    nextTrySeconds: secondsOf(row.next_try),
    reportedAtSeconds: row.reported_at === null ? undefined : secondsOf(row.reported_at),
    events24h: Number(row.events_24h),
    refused:
      row.refused_at === null
        ? undefined
        : {
            atSeconds: secondsOf(row.refused_at),
            by: row.refused_by ?? '',
            why: row.refused_why ?? '',
          },
  }))
}

/** Takes a relay into the directory. Refusals: `LIMIT_REACHED`, and `DECIDED` for one that is refused. */
export async function addRelay(
  tx: Tx,
  { url, maxRelays }: RelayChoice,
): Promise<Outcome<{ readonly isNew: boolean }, Refusal>> {
  const before = await lockRelay(tx, url)
  if (before?.refused_at === null) {
    // One that was given up is tried again: somebody asks for it.
    await insertRelays(tx, [url], { origin: 'operator', maxRelays })
    return accepted({ isNew: false })
  }
  if (before !== undefined)
    return refused({ code: 'DECIDED', text: `${url} is refused by ${before.refused_by}; allow it first` })
  return (await makeRelay(tx, { url, maxRelays })) ? accepted({ isNew: true }) : refused(full(maxRelays))
}

/** Has a relay left alone, one that nobody knows yet too. Refusal: `LIMIT_REACHED`. */
export async function refuseRelay(
  tx: Tx,
  { url, maxRelays, by, why }: RelayChoice & { readonly by: string; readonly why: string },
): Promise<Outcome<{ readonly isNew: boolean }, Refusal>> {
  const before = await lockRelay(tx, url)
  if (before === undefined && !(await makeRelay(tx, { url, maxRelays }))) return refused(full(maxRelays))
  await tx
    .updateTable('relays')
    .set({
      refused_at: sql`now()`,
      refused_by: storableText(by, MAX_NAME_LENGTH),
      refused_why: storableText(why, MAX_WHY_LENGTH),
    })
    .where('url', '=', url)
    .execute()
  return accepted({ isNew: (before?.refused_at ?? null) === null })
}

/** Takes that back. Refusal: `NOT_FOUND` for one that is not refused. */
export async function allowRelay(tx: Tx, url: string): Promise<Outcome<undefined, Refusal>> {
  const { numUpdatedRows } = await tx
    .updateTable('relays')
    .set({
      refused_at: null,
      refused_by: null,
      refused_why: null,
      // What was tried in vain before is forgotten.
      learnt_at: sql`now()`,
      failures: 0,
    })
    .where('url', '=', url)
    .where('refused_at', 'is not', null)
    .executeTakeFirst()
  return numUpdatedRows === 0n
    ? refused({ code: 'NOT_FOUND', text: `${url} is not refused` })
    : accepted(undefined)
}

async function lockRelay(tx: Tx, url: string) {
  return tx
    .selectFrom('relays')
    .select(['id', 'refused_at', 'refused_by'])
    .where('url', '=', url)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

/** False when there is no room. */
async function makeRelay(tx: Tx, { url, maxRelays }: RelayChoice): Promise<boolean> {
  await insertRelays(tx, [url], { origin: 'operator', maxRelays })
  return (await lockRelay(tx, url)) !== undefined
}

function full(maxRelays: number): Refusal {
  return {
    code: 'LIMIT_REACHED',
    text: `${maxRelays} relays are remembered, and no more may be (observatory.maxRelays)`,
  }
}

function secondsOf(date: Date): number {
  return Math.floor(date.getTime() / 1_000)
}
