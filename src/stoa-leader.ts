/**
 * Mirrors and backups as operators see them, on whichever process they are: the one that leads does it, the others ask
 * that one.
 */
import { join } from 'node:path'
import type { Backups } from './backup/index.ts'
import type { Config } from './config/index.ts'
import type { Actor, BackupFacts, BackupsDesk, MirrorFacts, MirrorsDesk } from './console/index.ts'
import { accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import {
  DEFAULT_MIRROR,
  type MirrorStatus,
  type Mirrors,
  type MirrorsState,
  mirrorFile,
  mirrorTable,
} from './mirrors/index.ts'
import { normalizeRelayUrl } from './nostr/index.ts'
import type { Database } from './platform/database/index.ts'
import { holdsTerm, type LeaderLine } from './platform/leadership/index.ts'
import { writeDown } from './stoa-audit.ts'
import type { Office } from './stoa-office.ts'
import type { Services } from './stoa-services.ts'

/** What other processes ask the leader. */
type Question =
  | { readonly do: 'mirrors.list' | 'backups.list' }
  | { readonly do: 'mirrors.add'; readonly mirror: Parameters<MirrorsDesk['add']>[0]; readonly by: Actor }
  | {
      readonly do: 'mirrors.remove' | 'mirrors.pause' | 'mirrors.resume'
      readonly id: string
      readonly by: Actor
    }
  | { readonly do: 'backups.start'; readonly by: Actor }

type Line = Pick<LeaderLine, 'ask'>

/** A backup is waited for until it is made. */
const BACKUP_TIMEOUT_MS = 600_000

/** Where mirrors are remembered: in the data folder of the one process, or in the database of several. */
export function mirrorsStateOf(
  { store }: Config,
  {
    dataDir,
    database,
    term,
  }: { readonly dataDir: string; readonly database: Database | undefined; readonly term: number },
): MirrorsState {
  if (store.engine === 'log' || database === undefined) return mirrorFile(join(dataDir, 'mirrors.json'))
  return mirrorTable(database.db, (tx) => holdsTerm(tx, { term, duty: 'services' }))
}

/** Undefined when this process does not lead and cannot ask the one that does. */
export function mirrorsDesk(
  office: Office | undefined,
  services: Services | undefined,
  line: Line | undefined,
): MirrorsDesk | undefined {
  if (services !== undefined) return mirrorsHere(office, services.mirrors)
  return line === undefined ? undefined : mirrorsThere(line)
}

/** Undefined when this process does not lead and cannot ask the one that does. */
export function backupsDesk(
  office: Office | undefined,
  services: Services | undefined,
  line: Line | undefined,
): BackupsDesk | undefined {
  if (services !== undefined) return backupsHere(office, services.backups)
  return line === undefined ? undefined : backupsThere(line)
}

/** The leader's answer to a question of another process. */
export function answerAsLeader(
  what: unknown,
  office: Office | undefined,
  services: Services,
): Promise<Outcome<unknown, Refusal>> {
  // Asked by `mirrorsThere` and `backupsThere` of the same program, perhaps of another version.
  const question = what as Question
  const mirrors = mirrorsHere(office, services.mirrors)
  const backups = backupsHere(office, services.backups)
  switch (question.do) {
    case 'mirrors.list':
      return mirrors.list()
    case 'mirrors.add':
      return mirrors.add(question.mirror, question.by)
    case 'mirrors.remove':
      return mirrors.remove(question.id, question.by)
    case 'mirrors.pause':
      return mirrors.pause(question.id, question.by)
    case 'mirrors.resume':
      return mirrors.resume(question.id, question.by)
    case 'backups.list':
      return backups.list()
    case 'backups.start':
      return backups.start(question.by)
    default:
      return Promise.resolve(
        refused({ code: 'UNAVAILABLE', text: 'the process that leads is of another version' }),
      )
  }
}

/** What the leader answers is what its desk of the same type has answered. */
async function asked<T>(line: Line, question: Question, timeoutMs?: number): Promise<Outcome<T, Refusal>> {
  const outcome = await line.ask(question, timeoutMs === undefined ? {} : { timeoutMs })
  return outcome.ok ? accepted(outcome.value as T) : outcome
}

function mirrorsThere(line: Line): MirrorsDesk {
  return {
    list: () => asked<readonly MirrorFacts[]>(line, { do: 'mirrors.list' }),
    add: (mirror, by) => asked<{ readonly id: string }>(line, { do: 'mirrors.add', mirror, by }),
    remove: (id, by) => asked(line, { do: 'mirrors.remove', id, by }),
    pause: (id, by) => asked(line, { do: 'mirrors.pause', id, by }),
    resume: (id, by) => asked(line, { do: 'mirrors.resume', id, by }),
  }
}

function backupsThere(line: Line): BackupsDesk {
  return {
    list: () => asked<readonly BackupFacts[]>(line, { do: 'backups.list' }),
    start: (by) => asked<{ readonly name: string }>(line, { do: 'backups.start', by }, BACKUP_TIMEOUT_MS),
  }
}

function mirrorsHere(office: Office | undefined, mirrors: Mirrors): MirrorsDesk {
  /** Written down first: what cannot be is not done. */
  const change = async <T>(
    by: Actor,
    action: string,
    subject: string,
    act: () => Promise<Outcome<T, string>>,
  ): Promise<Outcome<T, Refusal>> => {
    const written = await writeDown(office, { ...by, action: `mirror.${action}`, subject })
    if (!written.ok) return written
    const done = await act()
    return done.ok ? done : refused({ code: 'INVALID', text: done.refusal })
  }
  return {
    list: async () => accepted(mirrors.list().map(mirrorFacts)),
    add: async ({ url, direction, filters }, by) => {
      // An address may hold a password; its host names it well enough.
      const added = await change(by, 'added', normalizeRelayUrl(url) ?? 'unknown', () =>
        mirrors.add({ ...DEFAULT_MIRROR, url, direction, filters: filters.map((filter) => ({ ...filter })) }),
      )
      return added.ok ? accepted({ id: added.value.name }) : added
    },
    remove: (id, by) => change(by, 'removed', id, () => mirrors.remove(id)),
    pause: (id, by) => change(by, 'paused', id, () => mirrors.pause(id)),
    resume: (id, by) => change(by, 'resumed', id, () => mirrors.resume(id)),
  }
}

function mirrorFacts({ name, settings, phase, isConfigured, totals, ...rest }: MirrorStatus): MirrorFacts {
  const { direction } = settings
  const numbers = Object.entries(totals).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  )
  return {
    id: name,
    url: name,
    direction,
    isPaused: phase === 'paused',
    state: phase,
    facts: {
      isConfigured,
      sinceSeconds: rest.sinceSeconds,
      openGaps: rest.openGaps,
      overflowed: rest.overflowed,
      lastError: rest.lastError ?? '',
      ...Object.fromEntries(numbers),
    },
  }
}

function backupsHere(office: Office | undefined, backups: Backups): BackupsDesk {
  return {
    list: async () =>
      accepted(
        (await backups.list()).map(({ name, createdAtMs, bytes, events }) => ({
          name,
          atSeconds: Math.floor(createdAtMs / 1_000),
          bytes,
          events,
        })),
      ),
    start: async (by) => {
      if (backups.stats().isRunning) return refused({ code: 'BUSY', text: 'a backup is under way' })
      const written = await writeDown(office, { ...by, action: 'backup.started', subject: 'all' })
      if (!written.ok) return written
      const made = await backups.backUpNow()
      return made.ok ? accepted({ name: made.value.name }) : made
    },
  }
}
