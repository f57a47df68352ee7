import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createMemoryNode } from './interledger/node/testing/index.ts'
import { accepted, refused } from './kernel/index.ts'
import { createMemoryBus } from './platform/bus/index.ts'
import { LeaderLine } from './platform/leadership/index.ts'
import type { ChannelRecord, GivingUp, OrderRecord, Settlement } from './settlement/index.ts'
import { answerForNode, farDesks } from './stoa-node-line.ts'
import { type NodeSettlementDesk, settlementDesk } from './stoa-settlement-desk.ts'

const SECRET = Buffer.from('as good as money')
const CLAIM = {
  claim: { rail: 'stub', channelId: 'c', asset: 'msat', amount: 5n, nonce: 1n, binding: undefined },
  signature: SECRET,
} as const
const CHANNEL: ChannelRecord = {
  rail: 'stub',
  id: 'c',
  direction: 'in',
  party: 'peer/bob',
  asset: 'msat',
  claimKey: '00',
  deposit: 2n ** 70n,
  redeemed: 0n,
  claimed: 5n,
  nonce: 1n,
  acknowledged: 1n,
  best: CLAIM,
  state: 'open',
  closesAtMs: undefined,
  seenMs: 1,
}
const ORDER: Pick<OrderRecord, 'key' | 'order' | 'signed' | 'createdMs'> = {
  key: 'order-1',
  order: { kind: 'redeem', channelId: 'c', ...CLAIM },
  signed: { id: 'tx', bytes: SECRET },
  createdMs: 7,
}

const UNKNOWN = { code: 'UNKNOWN_ORDER', text: 'there is no such order' }

test('channels and orders are shown here and from afar, and what is as good as money stays inside', async () => {
  // Only what is asked below is there.
  const settlement = {
    listChannels: async () => [CHANNEL],
    channelState: async () => CHANNEL,
    orders: async () => [ORDER],
    claimAllChannels: async () => ['order-1'],
    closeChannel: async () => accepted({ key: 'order-2' }),
  } as unknown as Settlement
  for (const desk of hereAndFar(settlementDesk(settlement, async () => {}))) {
    const shown = [
      await desk.listChannels(),
      await desk.channelState({ rail: 'stub', id: 'c' }),
      await desk.orders(),
    ]
    expect(shown).toMatchObject([
      [{ id: 'c', deposit: 2n ** 70n }],
      { id: 'c' },
      [{ key: 'order-1', kind: 'redeem', channelId: 'c', createdAtMs: 7 }],
    ])
    expect(JSON.stringify(shown, plain)).not.toContain(SECRET.toString('hex'))
    expect(await desk.claimAllChannels()).toEqual(['order-1'])
    expect(await desk.closeChannel({ rail: 'stub', id: 'c' })).toEqual(accepted({ key: 'order-2' }))
  }
})

test('an order is given up, here and from afar, when it is in the audit log who wants that and what they answer for', async () => {
  const happened: unknown[] = []
  // Only what is asked below is there.
  const settlement = {
    order: async (key: string) => (key === 'order-1' ? { ...ORDER, state: 'sent' } : undefined),
    giveUp: async (key: string, by: GivingUp) => {
      happened.push({ givenUp: key, by })
      return key === 'order-1' ? accepted({ state: 'given_up' }) : refused(UNKNOWN)
    },
  } as unknown as Settlement
  const by = { actor: 'ab'.repeat(32), role: 'operator', apiKey: { id: '1', name: 'the bot' } }
  const here = settlementDesk(settlement, async (entry) => void happened.push(entry))
  for (const desk of hereAndFar(here)) {
    expect(await desk.giveUp('order-1', { isNeverTaken: true }, by)).toEqual(accepted({ state: 'given_up' }))
    expect(happened.splice(0)).toEqual([
      {
        ...by,
        action: 'settlement.give_up',
        subject: 'order-1',
        before: { state: 'sent' },
        after: { neverTaken: true },
      },
      { givenUp: 'order-1', by: { actor: by.actor, isNeverTaken: true } },
    ])
    expect(await desk.giveUp('order-9', { isNeverTaken: false }, by)).toEqual(refused(UNKNOWN))
    expect(happened.splice(0)).toEqual([{ givenUp: 'order-9', by: { actor: by.actor, isNeverTaken: false } }])
  }
})

test('what cannot be written down is not given up', async () => {
  const giveUp = vi.fn()
  // Only what is asked below is there.
  const settlement = { order: async () => ORDER, giveUp } as unknown as Settlement
  const desk = settlementDesk(settlement, () => Promise.reject(new Error('no database')))
  const by = { actor: 'cli', role: 'cli' }
  await expect(desk.giveUp('order-1', { isNeverTaken: true }, by)).rejects.toThrow('no database')
  expect(giveUp).not.toHaveBeenCalled()
})

/** The desk as this process has it, and as another one does. */
function hereAndFar(here: NodeSettlementDesk): readonly NodeSettlementDesk[] {
  const bus = createMemoryBus()
  const logger = pino({ level: 'silent' })
  const [leader, other] = [new LeaderLine(bus, logger, 'ilp'), new LeaderLine(bus, logger, 'ilp')]
  onTestFinished(() => {
    leader.close()
    other.close()
  })
  const { node } = createMemoryNode()
  leader.answer((what) => answerForNode({ node, settlement: here }, what))
  return [here, farDesks(other, () => undefined).settlement]
}

/** Bytes as hex, whatever a Buffer makes of itself. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  const bytes: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'data') : undefined
  return Array.isArray(bytes) ? Buffer.from(bytes).toString('hex') : value
}
