import type { Transaction } from 'kysely'
import type { Tables } from '../platform/database/index.ts'
import type { AccessChange } from '../relay/index.ts'
import type { ChangeWriting } from './access/access-keeper.ts'
import type { Actor } from './actor.ts'
import { rejectHeld } from './held/reject-held.ts'
import type { ModerationOutcome } from './refusal.ts'
import type { Removal, Removals } from './removals.ts'

export interface Decision {
  readonly by: Actor
  /** Also removes what banned keys have stored. A banned event is removed in any case. */
  readonly purge?: boolean
}

/**
 * Writes changes with all that follows from them: what is banned leaves the store and the queue, and what is let in
 * again is not removed any more. Resolves to how many changes were not so already.
 */
export async function writeDecision(
  { tx, apply }: Pick<ChangeWriting, 'tx' | 'apply'>,
  changes: readonly AccessChange[],
  { by, purge = false, nowSeconds, removals }: Decision & DecideDeps,
): Promise<ModerationOutcome<number>> {
  const applied = await apply(changes, by)
  if (!applied.ok) return applied
  await removals.plan(tx, removalsOf(changes, purge))
  await removals.cancel(tx, changes.flatMap(cancelledBy))
  await rejectBanned(tx, changes, by, nowSeconds)
  return applied
}

export interface DecideDeps {
  readonly nowSeconds: number
  readonly removals: Removals
}

function removalsOf(changes: readonly AccessChange[], purge: boolean): readonly Removal[] {
  return changes.flatMap((change): readonly Removal[] => {
    if (change.do === 'ban-event') return [{ what: 'event', subject: change.id }]
    return change.do === 'ban-pubkey' && purge ? [{ what: 'author', subject: change.pubkey }] : []
  })
}

function cancelledBy(change: AccessChange): readonly Removal[] {
  if (change.do === 'unban-event') return [{ what: 'event', subject: change.id }]
  const isLetIn = change.do === 'unban-pubkey' || change.do === 'allow-pubkey'
  return isLetIn ? [{ what: 'author', subject: change.pubkey }] : []
}

async function rejectBanned(
  tx: Transaction<Tables>,
  changes: readonly AccessChange[],
  by: Actor,
  nowSeconds: number,
): Promise<void> {
  for (const change of changes) {
    if (change.do === 'ban-event') await rejectHeld(tx, { id: change.id }, by, nowSeconds)
    if (change.do === 'ban-pubkey') await rejectHeld(tx, { pubkey: change.pubkey }, by, nowSeconds)
  }
}
