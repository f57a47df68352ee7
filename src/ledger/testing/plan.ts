import { createHash } from 'node:crypto'
import type { Ledger, Transfer } from '../index.ts'
import { msat, transfer } from './index.ts'

/** A transfer between few accounts, posted at once or reserved first. */
export interface PlannedStep {
  readonly transfer: Transfer
  readonly isReserved: boolean
}

/** No reservation of a plan ends before its test does. */
const FAR_AWAY_SECONDS = 4_000_000_000

/** Always the same steps for the same name. */
export function planOf(name: string, steps: number): readonly PlannedStep[] {
  return Array.from({ length: steps }, (_, n) => {
    const [from = 0, to = 0, units = 0, kind = 0] = createHash('sha256').update(`${name} ${n}`).digest()
    const debit = `assets/crash/${from % 5}`
    const credit = `revenue/crash/${to % 5}`
    return {
      transfer: transfer(`${name} ${n}`, { debit, credit, amount: BigInt(units + 1) }),
      isReserved: kind % 3 === 0,
    }
  })
}

/** Takes the step, or takes it again, and throws when it is refused. */
export async function takeStep(
  ledger: Ledger,
  { transfer: planned, isReserved }: PlannedStep,
): Promise<void> {
  if (!isReserved) return requireOk(await ledger.post([planned]))
  const { key, entries } = planned
  const account = msat(entries[0]!.path)
  const { amount } = entries[0]!
  requireOk([await ledger.reserve({ key, account, amount, expiresAtSeconds: FAR_AWAY_SECONDS, memo: '' })])
  requireOk([await ledger.commit(key, planned)])
}

function requireOk(outcomes: readonly { readonly ok: boolean }[]): void {
  if (!outcomes.every(({ ok }) => ok)) throw new Error('a step was refused')
}
