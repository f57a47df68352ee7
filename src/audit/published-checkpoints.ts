/** Checkpoints of the chain as Nostr events: whoever keeps a copy of one can find out later whether the log was changed. */
import { AppError, type Clock } from '../kernel/index.ts'
import { type EventSigner, type Filter, finalizeEvent, type NostrEvent } from '../nostr/index.ts'
import type { AuditCheckpoint } from './entries.ts'

/** Data of an application, addressable (NIP-78). */
export const CHECKPOINT_KIND = 30_078
/** The tag `d` of a checkpoint is this and the day, as UTC has it. */
const PREFIX = 'stoa/audit-checkpoint/'

export interface CheckpointDeps {
  readonly head: () => Promise<AuditCheckpoint | undefined>
  readonly clock: Clock
  /** Whose events they are. */
  readonly signer: EventSigner
  /** Has the relay take it. */
  readonly publish: (event: NostrEvent) => Promise<{ readonly isAccepted: boolean; readonly text: string }>
  readonly find: (filter: Filter) => Promise<readonly NostrEvent[]>
}

/** A place in the chain that was told the world. */
export interface PublishedCheckpoint extends AuditCheckpoint {
  readonly atSeconds: number
}

/**
 * Publishes the newest row of the log as the checkpoint of today; says nothing while the log is empty, nor what it has
 * said today already. Harmless to repeat.
 *
 * @throws AppError AUDIT_CHECKPOINT_REFUSED when the relay does not take it: it is to be tried again.
 */
export async function publishCheckpoint(deps: CheckpointDeps): Promise<PublishedCheckpoint | undefined> {
  const head = await deps.head()
  if (head === undefined) return undefined
  const nowSeconds = deps.clock.nowSeconds()
  const d = PREFIX + new Date(nowSeconds * 1_000).toISOString().slice(0, 10)
  const filter = {
    kinds: [CHECKPOINT_KIND],
    authors: [deps.signer.publicKey],
    tags: [{ name: 'd', values: [d] }],
  }
  const [stored] = await deps.find(filter)
  const before = stored === undefined ? undefined : readCheckpoint(stored)
  if (before?.number === head.number && before.hash === head.hash) return before
  // Behind what it replaces: of two with the same second, the one with the lower id would stay.
  const created_at = Math.max(nowSeconds, (stored?.created_at ?? 0) + 1)
  const template = { kind: CHECKPOINT_KIND, created_at, tags: [['d', d]], content: JSON.stringify(head) }
  const { isAccepted, text } = await deps.publish(await finalizeEvent(template, deps.signer))
  if (isAccepted) return { ...head, atSeconds: created_at }
  throw new AppError(
    'AUDIT_CHECKPOINT_REFUSED',
    `The relay did not take a checkpoint of the audit log: ${text}.`,
    {
      facts: { number: head.number },
    },
  )
}

/** What of them is in the store, the newest first. To be given to `verifyAuditChain`. */
export async function publishedCheckpoints({
  find,
  author,
}: Pick<CheckpointDeps, 'find'> & { readonly author: string }): Promise<readonly PublishedCheckpoint[]> {
  const events = await find({ kinds: [CHECKPOINT_KIND], authors: [author] })
  return events.flatMap((event) => readCheckpoint(event) ?? []).toSorted((a, b) => b.atSeconds - a.atSeconds)
}

/** Undefined for an event that is no checkpoint. Whose it is, the caller has looked at. */
export function readCheckpoint({
  kind,
  tags,
  content,
  created_at,
}: NostrEvent): PublishedCheckpoint | undefined {
  const d = tags.find(([name]) => name === 'd')?.[1]
  if (kind !== CHECKPOINT_KIND || d?.startsWith(PREFIX) !== true) return undefined
  const said = parsed(content)
  if (typeof said !== 'object' || said === null || !('number' in said) || !('hash' in said)) return undefined
  const { number, hash } = said
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1) return undefined
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return undefined
  return { number, hash, atSeconds: created_at }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}
