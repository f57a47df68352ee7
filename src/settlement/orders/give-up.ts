/** Gives up, by hand, an order that neither happens nor fails: one that an engine answers with an error for ever, say. */
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { OrderFate, Rail } from '../rail.ts'
import { type AdvanceDeps, failOrder } from './advance-order.ts'
import { UNDER_WAY } from './order-states.ts'
import type { OrderRecord } from './orders.ts'

export interface GivingUp {
  /** Who does it: kept with the order. */
  readonly actor: string
  /** They answer for it that the network never took the order and never will: if it does, it is paid twice. */
  readonly isNeverTaken?: boolean
}

export type GivenUp = { readonly state: 'failed' | 'given_up' }

/**
 * What was not signed yet is given up without more. Of what was signed the network is asked first, where it can be: what it
 * has is never given up, and what it calls failed has failed. All else needs the word of whoever does it.
 *
 * @param rail undefined when this node has it no more. No round of it may be under way.
 */
export async function giveUpOrder(
  deps: Pick<AdvanceDeps, 'orders' | 'onEnded'>,
  rail: Rail | undefined,
  record: OrderRecord,
  { actor, isNeverTaken = false }: GivingUp,
  signal: AbortSignal,
): Promise<Outcome<GivenUp, Refusal>> {
  const underWay: readonly string[] = UNDER_WAY
  if (!underWay.includes(record.state)) {
    return refused({ code: 'ORDER_ENDED', text: `order ${record.key} is ${record.state}` })
  }
  let fate: OrderFate | undefined
  try {
    if (record.signed !== undefined && rail?.info.looksBySending !== true)
      fate = await rail?.look(record.signed, signal)
  } catch {
    const text = `the network of ${record.rail} does not answer; nothing is given up, try again when it does`
    return refused({ code: 'RAIL_SILENT', text })
  }
  if (fate?.state === 'done' || fate?.state === 'pending') {
    const text = `the network of ${record.rail} has order ${record.key} (${fate.state}); wait for its end`
    return refused({ code: 'ORDER_TAKEN', text })
  }
  if (fate?.state === 'failed') {
    await failOrder(deps, record, { move: 'fail', reason: fate.reason, fee: fate.fee })
    return accepted({ state: 'failed' })
  }
  if (record.signed !== undefined && !isNeverTaken) {
    const text = `${record.rail} does not say that it never took order ${record.key}; find out, and say so yourself`
    return refused({ code: 'ORDER_UNCERTAIN', text })
  }
  await failOrder(deps, record, { move: 'give_up', reason: `given up by ${actor}`, fee: undefined })
  return accepted({ state: 'given_up' })
}
