/** The books of one account: what is added to it is in its statement, and told to whoever follows it. */
import type { AccountChange, AccountId, StatementLine } from '../../../ledger/index.ts'
import type { BooksDesk } from '../../node/index.ts'

export interface MemoryBooks {
  readonly desk: BooksDesk
  /** Adds to the balance; told, unless it came at a moment when nobody listened yet. */
  post(amount: bigint, how?: { readonly isTold: boolean }): void
  readonly subscribers: () => number
  /** The next reading of the statement fails. */
  failOnce(error: Error): void
}

export const ACCOUNT: AccountId = { path: 'assets/peer/bob', asset: 'msat' }

export function createMemoryBooks(): MemoryBooks {
  const lines: StatementLine[] = []
  const listeners = new Set<(change: AccountChange) => void>()
  let failure: Error | undefined
  const balance = (): bigint => lines[0]?.balance ?? 0n
  return {
    desk: {
      getBalance: async (account) => ({ ...account, balance: balance(), held: 0n }),
      getTransfers: async (_account, { limit = 100, before }) => {
        const error = failure
        failure = undefined
        if (error !== undefined) throw error
        const older = lines.filter(({ transferId }) => before === undefined || transferId < before)
        return { lines: older.slice(0, limit), next: older[limit - 1]?.transferId }
      },
      subscribeToAccount: (_account, onChange) => {
        listeners.add(onChange)
        return () => void listeners.delete(onChange)
      },
    },
    post: (amount, { isTold } = { isTold: true }) => {
      const line = lineOf(BigInt(lines.length + 1), amount, balance() + amount)
      lines.unshift(line)
      const change = { ...ACCOUNT, balance: line.balance, held: 0n, transferId: line.transferId }
      for (const tell of isTold ? listeners : []) tell(change)
    },
    subscribers: () => listeners.size,
    failOnce: (error) => {
      failure = error
    },
  }
}

function lineOf(transferId: bigint, amount: bigint, balance: bigint): StatementLine {
  return {
    transferId,
    key: `key-${transferId}`,
    memo: '',
    atMs: 1_700_000_000_000,
    side: 'debit',
    amount,
    balance,
  }
}
