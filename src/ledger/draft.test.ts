import { expect, test } from 'vitest'
import { accepted, type Outcome } from '../kernel/index.ts'
import { type CheckedReservation, checkReservation, checkTransfer, nameOf } from './checked.ts'
import { type Books, Draft, type KnownReservation } from './draft.ts'
import type { ReservationState } from './index.ts'
import { msat, NOW_SECONDS, transfer } from './testing/index.ts'

const ACCOUNT = msat('liabilities/credit/alice')
const RESERVATION: CheckedReservation = required(
  checkReservation({
    key: 'r',
    account: ACCOUNT,
    amount: 5n,
    expiresAtSeconds: NOW_SECONDS + 60,
    memo: '',
  }),
)

/** Books with the reservation in this state. */
function booksWith(state: ReservationState, change: Partial<Books> = {}): Books {
  const held = state === 'open' ? 5n : 0n
  const reservation: KnownReservation = {
    id: 7n,
    contentHash: RESERVATION.contentHash,
    name: nameOf(ACCOUNT),
    amount: 5n,
    state,
    expiresAtSeconds: NOW_SECONDS + 60,
    transferKey: state === 'committed' ? 't' : undefined,
  }
  return {
    accounts: new Map([[nameOf(ACCOUNT), { id: 1n, account: ACCOUNT, balance: 10n, held, floor: 0n }]]),
    transfers: new Map(),
    reservations: new Map([['r', reservation]]),
    numbers: [8n],
    nowSeconds: NOW_SECONDS,
    ownNumbers: new Set(),
    ...change,
  }
}

test.each<[ReservationState, boolean]>([
  ['open', false],
  ['committed', true],
  ['voided', true],
  ['expired', true],
])(
  'a group that is tried again made its reservation, which is %s by now; who asks for the same next is not deceived',
  (state, isClosed) => {
    const draft = new Draft(booksWith(state, { ownNumbers: new Set([7n]) }))
    expect(draft.reserve(RESERVATION)).toEqual(accepted({ isNew: true }))
    const again = draft.reserve(RESERVATION)
    expect(again).toEqual(
      isClosed ? { ok: false, refusal: { code: 'NOT_OPEN', state } } : accepted({ isNew: false }),
    )
  },
)

test('an open reservation whose time has come is expired when somebody asks for it again', () => {
  const draft = new Draft(booksWith('open', { nowSeconds: NOW_SECONDS + 60 }))
  expect(draft.reserve(RESERVATION)).toEqual({ ok: false, refusal: { code: 'NOT_OPEN', state: 'expired' } })
  expect([...draft.closed]).toEqual(['r'])
})

test('what the draft was not given is a bug, and said to be one', () => {
  const [debit, credit] = [ACCOUNT.path, 'liabilities/credit/bob']
  const posting = required(checkTransfer(transfer('t', { debit, credit, amount: 1n })))
  expect(() => new Draft(booksWith('open')).post(posting)).toThrow(
    expect.objectContaining({ code: 'INTERNAL' }),
  )
  const spent = new Draft(booksWith('open', { reservations: new Map(), numbers: [] }))
  expect(() => spent.reserve(RESERVATION)).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
})

function required<T>(outcome: Outcome<T, unknown>): T {
  if (!outcome.ok) throw new TypeError('refused')
  return outcome.value
}
