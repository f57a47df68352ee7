import { createHash } from 'node:crypto'
import type { Outcome } from '../../kernel/index.ts'
import type { CommitRefusal, Ledger, Transfer } from '../index.ts'
import { msat, NOW_SECONDS, transfer } from './index.ts'

/** A transfer between few accounts, some of which may have too little for it. */
export interface PlannedStep {
  readonly transfer: Transfer
  /** What is left is held until it expires, and its transfer never posted. */
  readonly way: 'post' | 'reserve and commit' | 'reserve and leave'
  /** Of its reservation. */
  readonly expiresAtSeconds: number
}

const ACCOUNTS = 5
/** No plan takes so long. */
const FAR_AWAY_SECONDS = 4_000_000_000
/** A step takes a second of the clock; so many later expires what it left. */
const LIFETIME_SECONDS = 40

/** Always the same steps for the same name. */
export function planOf(name: string, steps: number): readonly PlannedStep[] {
  return Array.from({ length: steps }, (_, n) => {
    const [from = 0, to = 0, units = 0, kind = 0, how = 0] = createHash('sha256')
      .update(`${name} ${n}`)
      .digest()
    const isPaidIn = kind % 3 === 0
    const debit = `${isPaidIn ? 'assets' : 'liabilities'}/crash/${from % ACCOUNTS}`
    const credit = `${kind % 3 === 1 ? 'revenue' : 'liabilities'}/crash/${to % ACCOUNTS}`
    const way = wayOf(how % 5)
    return {
      transfer: transfer(`${name} ${n}`, { debit, credit, amount: BigInt(units + 1) }),
      way,
      expiresAtSeconds: way === 'reserve and leave' ? NOW_SECONDS + n + LIFETIME_SECONDS : FAR_AWAY_SECONDS,
    }
  })
}

function wayOf(how: number): PlannedStep['way'] {
  if (how === 0) return 'reserve and commit'
  return how === 1 ? 'reserve and leave' : 'post'
}

/** Takes the step, or takes it again; true when its transfer is posted. Throws for an answer that does not fit the plan. */
export async function takeStep(ledger: Ledger, step: PlannedStep): Promise<boolean> {
  const { transfer: planned, way } = step
  if (way === 'post') {
    const [posted] = await ledger.post([planned])
    return isDone(posted!, ['SHORT_FUNDS'])
  }
  if (way === 'reserve and leave') {
    // Taken again it may have expired, or would by now.
    isDone(await reserve(ledger, step), ['SHORT_FUNDS', 'NOT_OPEN', 'INVALID'])
    return false
  }
  const reserved = await reserve(ledger, step)
  if (!reserved.ok && reserved.refusal.code !== 'NOT_OPEN') return isDone(reserved, ['SHORT_FUNDS'])
  // What is not open was committed when the step was taken before, and to commit it again is accepted.
  return isDone(await ledger.commit(planned.key, planned), [])
}

function reserve(ledger: Ledger, { transfer: { key, entries }, expiresAtSeconds }: PlannedStep) {
  const { path, amount } = entries[0]!
  return ledger.reserve({ key, account: msat(path), amount, expiresAtSeconds, memo: '' })
}

type Refusable = Outcome<unknown, CommitRefusal>

/** False for a refusal that may be. */
function isDone(outcome: Refusable, expected: readonly CommitRefusal['code'][]): boolean {
  if (outcome.ok) return true
  const { code } = outcome.refusal
  if (!expected.includes(code)) throw new Error(`a step was refused: ${code}`)
  return false
}
