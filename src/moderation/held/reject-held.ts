import type { Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import type { Actor } from '../actor.ts'

/** Takes what somebody else has decided about out of the queue, also what is approved and not yet published. */
export async function rejectHeld(
  tx: Transaction<Tables>,
  which: { readonly id: string } | { readonly pubkey: string },
  by: Actor,
  nowSeconds: number,
): Promise<void> {
  await tx
    .updateTable('moderation_held_events')
    .set({ state: 'rejected', decided_by: by.actor, decided_at: BigInt(nowSeconds) })
    .where('state', 'in', ['waiting', 'approved'])
    .$if('id' in which, (rest) => rest.where('id', '=', 'id' in which ? which.id : ''))
    .$if('pubkey' in which, (rest) => rest.where('pubkey', '=', 'pubkey' in which ? which.pubkey : ''))
    .execute()
}
