/** The books: accounts, statements, the trial balance. Amounts are decimal texts in the asset's smallest unit. */
import Type from 'typebox'
import { ASSETS, type Asset, accepted } from '../../kernel/index.ts'
import type { AccountFacts, StatementLine } from '../../ledger/index.ts'
import { exactly, listOf, oneOf, PageLimit } from '../schemas.ts'
import { type Operation, showing } from './operation.ts'

/** The names of all assets. */
export const AssetWord = oneOf(Object.keys(ASSETS) as readonly Asset[])
export const Units = Type.String({
  pattern: '^-?\\d{1,80}$',
  description: "In the asset's smallest unit.",
})
/** Without the zero character, which no text of the database may have. */
export const AccountPath = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000]+$',
  description: 'liabilities/credit/…',
})
const Millis = Type.Integer({ minimum: 0, maximum: 253_402_300_799_999, description: 'Unix milliseconds.' })
const TransferId = Type.String({ pattern: '^\\d{1,19}$' })
const SideWord = oneOf(['debit', 'credit'])

const AccountShape = exactly({
  path: AccountPath,
  asset: AssetWord,
  balance: Units,
  held: Units,
  floor: Type.Optional(Units),
})

const LineShape = exactly({
  transferId: TransferId,
  atMs: Millis,
  side: SideWord,
  amount: Units,
  balance: Units,
  key: Type.String(),
  memo: Type.String(),
})

export const LEDGER_OPERATIONS: readonly Operation[] = [
  showing({
    path: 'ledger/accounts',
    says: 'Accounts and their balances, by path.',
    need: 'operate',
    desk: 'ledger',
    input: exactly({
      prefix: Type.Optional(AccountPath),
      asset: Type.Optional(AssetWord),
      afterPath: Type.Optional(AccountPath),
      afterAsset: Type.Optional(AssetWord),
      limit: Type.Optional(PageLimit),
    }),
    output: listOf(AccountShape),
    run: async (desk, { afterPath, afterAsset, ...query }) => {
      const isBehind = afterPath !== undefined && afterAsset !== undefined
      const after = isBehind ? { after: { path: afterPath, asset: afterAsset } } : {}
      return accepted((await desk.accounts({ ...query, ...after })).map(accountShown))
    },
  }),
  showing({
    path: 'ledger/statement',
    says: 'What was booked on an account, the newest first.',
    need: 'operate',
    desk: 'ledger',
    input: exactly({
      path: AccountPath,
      asset: AssetWord,
      fromMs: Type.Optional(Millis),
      toMs: Type.Optional(Millis),
      before: Type.Optional(TransferId),
      limit: Type.Optional(PageLimit),
    }),
    output: listOf(LineShape),
    run: async (desk, { path, asset, before, ...query }) => {
      const behind = before === undefined ? {} : { before: BigInt(before) }
      const { lines } = await desk.statement({ path, asset }, { ...query, ...behind })
      return accepted(lines.map(lineShown))
    },
  }),
  showing({
    path: 'ledger/trial-balance',
    says: 'All debits and credits of each asset; they are equal, or something is wrong.',
    need: 'operate',
    desk: 'ledger',
    input: exactly({}),
    output: listOf(
      exactly({
        asset: AssetWord,
        debits: Units,
        credits: Units,
        isBalanced: Type.Boolean(),
        wrongBalances: Type.Integer({
          description: 'Accounts whose balance is not what was booked on them.',
        }),
      }),
    ),
    run: async (desk) =>
      accepted(
        (await desk.trialBalance()).map(({ asset, debits, credits, wrongBalances }) => ({
          asset,
          debits: String(debits),
          credits: String(credits),
          isBalanced: debits === credits && wrongBalances === 0,
          wrongBalances,
        })),
      ),
  }),
]

function accountShown({ path, asset, balance, held, floor }: AccountFacts) {
  return {
    path,
    asset,
    balance: String(balance),
    held: String(held),
    ...(floor !== undefined && { floor: String(floor) }),
  }
}

function lineShown({ transferId, amount, balance, key, memo, atMs, side }: StatementLine) {
  return {
    transferId: String(transferId),
    atMs,
    side,
    amount: String(amount),
    balance: String(balance),
    key,
    memo,
  }
}
