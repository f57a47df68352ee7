/**
 * Publishes what the relay says of its members (NIP-43), signed by its own key. What is to be said stands in
 * `account_announcements`, and a row goes when its event was taken: a crash in between makes the event a second time, and
 * either it has the same id, or it replaces itself.
 *
 * What is said about the list and the roles is what the tables hold at that moment, if the store holds anything else. So
 * many changes at once make one list, and saying it again says nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Kysely, sql, type Transaction } from 'kysely'
import { AppError, type Clock } from '../../kernel/index.ts'
import {
  type Filter,
  finalizeEvent,
  KINDS,
  memberAdded,
  memberRemoved,
  membershipList,
  type NostrEvent,
  roleDefinition,
  type UnsignedTemplate,
} from '../../nostr/index.ts'
import { ADVISORY_LOCKS, type Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Signer } from '../../signer/index.ts'
import { announce } from './announcements.ts'
import { listRoles } from './community-roles.ts'
import { rolesByMember } from './members.ts'

export interface Announcer {
  /** Something was committed: once started, it is published soon, together with what else comes meanwhile. */
  kick(): void
  /** Publishes what is waiting now; throws what kept it from that. */
  flush(): Promise<void>
  /** Compares what the relay's store holds with the tables, has what differs published, and looks again now and then. */
  start(): Promise<void>
  /** Resolves when nothing is being published any more. What waits is published at the next start. */
  stop(): Promise<void>
}

export interface AnnouncerDeps {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly relaySigner: Signer
  /** Puts an event into the relay's store and on to its subscribers. A duplicate counts as accepted. */
  readonly publish: (event: NostrEvent) => Promise<{ readonly isAccepted: boolean; readonly text: string }>
  /** Events in the relay's store. */
  readonly find: (filter: Filter) => Promise<readonly NostrEvent[]>
  readonly logger: Logger
}

/** Between two rounds: a list that is replaced more often than once a second would run ahead of the clock. */
const PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000
/** Rows in one round; their transaction is open while their events are published. */
const MAX_ROWS = 500

export function createAnnouncer(deps: AnnouncerDeps): Announcer {
  let last: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let pauseMs = PAUSE_MS
  let isKicked = false
  let isRunning = false
  let earliestMs = 0

  /**
   * One round after the other in this process, and never one that is under way already: that may have read the rows
   * before the one came that somebody wants to be told of. True when more rows are waiting.
   */
  const round = (): Promise<boolean> => {
    const next = last.then(() => publishRound(deps))
    last = next.catch(() => {})
    return next
  }

  const attempt = async () => {
    isKicked = false
    try {
      const isMore = await round()
      pauseMs = PAUSE_MS
      if (isMore) isKicked = true
    } catch (err) {
      deps.logger.error({ err, nextTryMs: pauseMs }, 'accounts.announcing_failed')
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      isKicked = true
    }
    schedule(isKicked ? pauseMs : MAX_PAUSE_MS, PAUSE_MS)
  }

  /** @param restMs a kick within this time waits for its end. */
  const schedule = (afterMs: number, restMs = 0) => {
    clearTimeout(timer)
    if (!isRunning) return
    if (restMs > 0) earliestMs = performance.now() + restMs
    timer = setTimeout(() => void attempt(), afterMs)
    timer.unref()
  }

  return {
    kick() {
      if (isKicked || !isRunning) return
      isKicked = true
      schedule(Math.max(0, earliestMs - performance.now()))
    },
    async flush() {
      while (await round());
    },
    async start() {
      await noteDifferences(deps)
      isRunning = true
      schedule(0)
    },
    async stop() {
      isRunning = false
      clearTimeout(timer)
      await last
    },
  }
}

/** Has everything said that the store lacks: events that got lost with a store, or that never were made. */
async function noteDifferences({ db, clock, relaySigner, find }: AnnouncerDeps): Promise<void> {
  const stored = await find({ kinds: [KINDS.ROLE_DEFINITION], authors: [relaySigner.publicKey] })
  const storedIds = stored.map((event) => event.tags.find(([name]) => name === 'd')?.[1] ?? '')
  await db.transaction().execute(async (tx) => {
    const roleIds = new Set([...storedIds, ...(await listRoles(tx)).map(({ id }) => id)])
    const roles = [...roleIds].map((roleId) => ({ what: 'role', roleId }) as const)
    await announce(tx, clock.nowSeconds(), [...roles, { what: 'list' }])
  })
}

async function publishRound(deps: AnnouncerDeps): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    // Of several processes one publishes, so that no older list comes behind a newer one.
    await sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.announcer})`.execute(tx)
    const rows = await tx
      .selectFrom('account_announcements')
      .selectAll()
      .orderBy('number')
      .limit(MAX_ROWS)
      .execute()
    if (rows.length === 0) return false
    for (const { what, subject, at } of rows) {
      if (what === 'added') await publish(deps, memberAdded(subject, Number(at)))
      if (what === 'removed') await publish(deps, memberRemoved(subject, Number(at)))
    }
    const roleIds = rows.flatMap(({ what, subject }) => (what === 'role' ? [subject] : []))
    for (const roleId of new Set(roleIds)) await publishRole(deps, tx, roleId)
    if (rows.some(({ what }) => what === 'list')) await publishList(deps, tx)
    // Those and no others: a row with a lower number may have been committed meanwhile.
    const numbers = rows.map(({ number }) => number)
    await tx.deleteFrom('account_announcements').where('number', 'in', numbers).execute()
    return rows.length === MAX_ROWS
  })
}

async function publishList(deps: AnnouncerDeps, tx: Transaction<Tables>): Promise<void> {
  const { clock, find, relaySigner } = deps
  const [stored] = await find({ kinds: [KINDS.MEMBERSHIP_LIST], authors: [relaySigner.publicKey] })
  const members = await tx
    .selectFrom('account_members')
    .select('pubkey')
    .orderBy('since')
    .orderBy('pubkey')
    .execute()
  const roles = await rolesByMember(tx)
  const list = members.map(({ pubkey }) => ({ pubkey, roles: roles.get(pubkey) ?? [] }))
  const template = membershipList(list, timeAfter(stored, clock))
  // No list where there never was a member: a relay that has none says nothing of it.
  if (stored === undefined && members.length === 0) return
  if (!isSaid(template, stored)) await publish(deps, template)
}

async function publishRole(deps: AnnouncerDeps, tx: Transaction<Tables>, roleId: string): Promise<void> {
  const { clock, find, relaySigner } = deps
  const authors = [relaySigner.publicKey]
  const address = `${KINDS.ROLE_DEFINITION}:${relaySigner.publicKey}:${roleId}`
  const definitions = await find({
    kinds: [KINDS.ROLE_DEFINITION],
    authors,
    tags: [{ name: 'd', values: [roleId] }],
  })
  const deletions = await find({ kinds: [KINDS.DELETION], authors, tags: [{ name: 'a', values: [address] }] })
  const [stored] = definitions
  const newest = [...definitions, ...deletions].toSorted((a, b) => b.created_at - a.created_at)[0]
  const role = (await listRoles(tx)).find(({ id }) => id === roleId)
  if (role !== undefined) {
    const template = roleDefinition(role, timeAfter(newest, clock))
    if (!isSaid(template, stored)) await publish(deps, template)
  } else if (stored !== undefined) {
    await publish(deps, deletionOf(address, timeAfter(newest, clock)))
  }
}

/** Takes a definition back (NIP-09). */
function deletionOf(address: string, created_at: number): UnsignedTemplate {
  const tags = [
    ['a', address],
    ['k', String(KINDS.ROLE_DEFINITION)],
  ]
  return { kind: KINDS.DELETION, created_at, tags, content: '' }
}

function isSaid(template: UnsignedTemplate, stored: NostrEvent | undefined): boolean {
  return stored !== undefined && isDeepStrictEqual(template.tags, stored.tags)
}

/** Now, but behind what it replaces: of two with the same second, the one with the lower id would stay. */
function timeAfter(stored: NostrEvent | undefined, clock: Clock): number {
  return Math.max(clock.nowSeconds(), (stored?.created_at ?? 0) + 1)
}

async function publish(
  { relaySigner, publish: put }: AnnouncerDeps,
  template: UnsignedTemplate,
): Promise<void> {
  const { isAccepted, text } = await put(await finalizeEvent(template, relaySigner))
  if (isAccepted) return
  throw new AppError(
    'ACCOUNTS_ANNOUNCEMENT_REFUSED',
    `The relay did not take an event of its own: ${text}.`,
    {
      facts: { kind: template.kind },
    },
  )
}
