import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { AppError } from '../kernel/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { openChannel } from './contract/claim.ts'
import { createExternalRail } from './http/index.ts'
import type { PartySource, Rail } from './index.ts'
import { createSettlement } from './index.ts'
import { stubNetwork } from './stub/testing/index.ts'
import {
  paying,
  type RailNetwork,
  sourceOf,
  type TwoNodes,
  testLedger,
  testSettlement,
  twoNodes,
} from './testing/test-node.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const FUNDS = 100_000n

type Stub = ReturnType<typeof stubNetwork>

/** Two nodes on the stub's chain, whose rails have some verbs replaced. */
async function withNodes(
  change: (rail: Rail, who: 'alice' | 'bob') => Partial<Rail>,
  prove: (nodes: TwoNodes & { readonly stub: Stub }) => Promise<void>,
): Promise<void> {
  const stub = stubNetwork()
  const openRail = (who: 'alice' | 'bob') => {
    const rail = stub.openRail(who)
    return { ...rail, ...change(rail, who) }
  }
  const network: RailNetwork = { ...stub, openRail }
  const nodes = await twoNodes(network)
  try {
    await stub.fund('alice', FUNDS)
    await stub.fund('bob', FUNDS)
    await prove({ ...nodes, stub })
  } finally {
    await nodes.dispose()
  }
}

const unchanged = () => ({})
const failing = () => Promise.reject(new AppError('RAIL_FAILED', 'no answer'))

test('a payment that comes in while nobody can say who is a peer is credited to its peer when that can be said', async () => {
  await withNodes(unchanged, async ({ alice, bob, network, stub }) => {
    let isThere = false
    const source: PartySource = {
      ...sourceOf(
        () => ({ name: 'alice', asset: 'usdc', rail: 'stub', ...bob.terms }),
        async () => undefined,
      ),
      find: (name) => {
        if (!isThere) throw new AppError('LEADERSHIP_LOST', 'this process is not the node')
        return { name, asset: 'usdc', rail: 'stub', ...bob.terms }
      },
    }
    const { database, ledger } = bob
    const late = testSettlement({
      database,
      ledger,
      clock: network.clock,
      rail: stub.openRail('bob'),
      source,
    })
    expect(await alice.settlement.settle('peer/bob', paying(700n))).toMatchObject({ ok: true })
    await alice.settlement.flush()
    await network.finalise()
    await expect(late.flush()).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' })
    isThere = true
    await late.flush()
    expect(await bob.balance()).toBe(-700n)
  })
})

test('a channel whose looks always fail keeps no other from being redeemed when that is closing', async () => {
  let broken: string | undefined
  const change = (rail: Rail): Partial<Rail> => ({
    channel: (id, signal) => (id === broken ? failing() : rail.channel(id, signal)),
  })
  await withNodes(change, async (nodes) => {
    const { alice, bob, network, quiet } = nodes
    const first = await openChannel(nodes, 1_000n)
    await alice.settlement.settle('peer/bob', paying(400n))
    await alice.settlement.openChannel({ key: 'second', party: 'peer/bob', amount: 2_000n })
    await quiet()
    const second = (await alice.settlement.listChannels()).find(({ id }) => id !== first.id)
    await bob.settlement.acceptChannel({ rail: 'stub', id: second?.id ?? '', party: 'peer/alice' })
    broken = second?.id
    await alice.settlement.closeChannel(first)
    await alice.settlement.flush()
    await network.finalise()
    await bob.settlement.flush()
    expect(await bob.settlement.orders()).toMatchObject([{ order: { kind: 'redeem', channelId: first.id } }])
  })
})

test('a channel that seems to close is open again when the network has said so for ten minutes', async () => {
  await withNodes(unchanged, async (nodes) => {
    const { alice, bob, network, stub } = nodes
    const channel = await openChannel(nodes, 1_000n)
    const stateAtBob = async () => (await bob.settlement.channelState(channel))?.state
    await alice.settlement.closeChannel(channel)
    await alice.settlement.flush()
    await network.oneBlock()
    await bob.settlement.flush()
    expect(await stateAtBob()).toBe('closing')
    // The block with the close never was, and nobody has the close any more.
    await network.undoLastBlock?.()
    stub.chain.forgetWaiting()
    await bob.settlement.flush()
    network.clock.advanceMs(300_000)
    await bob.settlement.flush()
    expect(await stateAtBob()).toBe('closing')
    network.clock.advanceMs(300_000)
    await bob.settlement.flush()
    expect(await bob.settlement.channelState(channel)).toMatchObject({ state: 'open', closesAtMs: undefined })
  })
})

test('a redeem that fails is tried again after a pause, and then again', async () => {
  let tries = 0
  const change = (rail: Rail): Partial<Rail> => ({
    sign: async (order, context, signal) => {
      if (order.kind !== 'redeem') return rail.sign(order, context, signal)
      tries += 1
      return { ok: false, refusal: { code: 'OUT_OF_RANGE', text: 'not now' } }
    },
  })
  await withNodes(change, async (nodes) => {
    const { alice, bob, network } = nodes
    const channel = await openChannel(nodes, 1_000n)
    await alice.settlement.settle('peer/bob', paying(400n))
    await alice.settlement.closeChannel(channel)
    await alice.settlement.flush()
    await network.finalise()
    for (let round = 0; round < 5; round++) await bob.settlement.flush()
    expect(tries).toBe(1)
    network.clock.advanceMs(10_000)
    for (let round = 0; round < 5; round++) await bob.settlement.flush()
    expect(tries).toBe(2)
  })
})

test('channels whose looks come to nothing take their share of a round, and what is behind them has its turn', async () => {
  const change = (): Partial<Rail> => ({
    channel: (_, signal) => untilAborted(signal),
  })
  await withNodes(change, async ({ alice }) => {
    const row = { rail: 'stub', direction: 'out', party: 'peer/bob', asset: 'usdc', deposit: '1' } as const
    const rest = {
      claim_key: 'k',
      claim: null,
      signature: null,
      closes_ms: null,
      open_again_ms: null,
    } as const
    const values = Array.from({ length: 8 }, (_, n) => ({ ...row, ...rest, id: `channel-${n}`, seen_ms: 0n }))
    await alice.database.db
      .insertInto('settlement_channels')
      .values(values.map((value) => ({ ...value, state: 'open' as const })))
      .execute()
    await alice.settlement.settle('peer/bob', paying(500n))
    await expect(alice.settlement.flush()).rejects.toThrow()
    expect(await alice.settlement.orders()).toMatchObject([{ state: 'sent' }])
    const looks = await alice.database.db
      .selectFrom('settlement_channels')
      .select('id')
      .where('looked_ms', '=', 0n)
      .execute()
    // What was looked at in vain is behind the others by now.
    expect(looks.length).toBeGreaterThan(0)
    expect(looks.length).toBeLessThan(8)
  })
})

/** Alice once more, with another settlement of her own. */
function aliceWith(
  { alice, network, stub }: Pick<TwoNodes, 'alice' | 'network'> & { readonly stub: Stub },
  changes: Partial<Parameters<typeof testSettlement>[0]>,
) {
  const { database, ledger, terms } = alice
  const bob = { name: 'bob', asset: 'usdc', rail: 'stub' } as const
  const source = sourceOf(
    () => ({ ...bob, ...terms }),
    async () => undefined,
  )
  const rail = stub.openRail('alice')
  return testSettlement({ database, ledger, clock: network.clock, rail, source, ...changes })
}

const never = () => new Promise<never>(() => {})
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))

test('stopping waits neither for a network nor for a peer that says nothing', async () => {
  await withNodes(unchanged, async (nodes) => {
    const { alice, stub } = nodes
    await alice.owe(-5_000n)
    let isWaiting = false
    const rail: Rail = {
      ...stub.openRail('alice'),
      incoming: (_, signal) => {
        isWaiting = true
        return untilAborted(signal)
      },
    }
    const ask = () => {
      isWaiting = true
      return never()
    }
    const silent = {
      ...sourceOf(() => ({ name: 'bob', asset: 'usdc', rail: 'stub', ...alice.terms }), never),
      ask,
    }
    // Half an hour for an answer: without being aborted they would outlive the test.
    for (const changes of [{ rail }, { source: silent }]) {
      isWaiting = false
      const settlement = aliceWith(nodes, { ...changes, timing: { railTimeoutMs: 1_800_000 } })
      settlement.start()
      await vi.waitFor(() => expect(isWaiting).toBe(true))
      await settlement.stop()
    }
  })
})

test('however often a balance is noted, no round begins before its time', async () => {
  await withNodes(unchanged, async (nodes) => {
    const settlement = aliceWith(nodes, { timing: { roundMs: 600_000 } })
    settlement.start()
    await vi.waitFor(() => expect(settlement.health()[0]?.lastRoundMs).toBeDefined())
    const before = settlement.health()
    nodes.network.clock.advanceMs(1_000)
    for (let packet = 0; packet < 1_000; packet++) settlement.noteBalance('peer/bob')
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(settlement.health()).toEqual(before)
    await settlement.stop()
  })
})

test('a party that cannot be asked keeps nobody behind it from being paid', async () => {
  await withNodes(unchanged, async ({ alice, bob, network, stub }) => {
    const terms = { asset: 'usdc', rail: 'stub', threshold: 100n, target: 0n } as const
    const names = ['anna', 'bob']
    const address = await bob.rail.address(
      { reference: 'peer.alice', amount: 1n },
      AbortSignal.timeout(5_000),
    )
    const source: PartySource = {
      kind: 'peer',
      find: (name) => ({ name, ...terms }),
      list: () => names.map((name) => ({ name, ...terms })),
      ask: async (name) => {
        if (name === 'anna') throw new Error('this must not be')
        return Buffer.from(JSON.stringify({ address }))
      },
      onBooked: () => {},
    }
    for (const name of names) {
      const entries = [
        { path: `assets/peer/${name}`, asset: 'usdc', side: 'credit', amount: 500n },
        { path: 'equity/packets', asset: 'usdc', side: 'debit', amount: 500n },
      ] as const
      await alice.ledger.post([{ key: `owe-${name}`, entries, memo: 'packets' }])
    }
    const { database, ledger } = alice
    const both = testSettlement({
      database,
      ledger,
      clock: network.clock,
      rail: stub.openRail('alice'),
      source,
    })
    await expect(both.flush()).rejects.toThrow('this must not be')
    expect(await both.orders()).toMatchObject([{ party: 'peer/bob', order: { amount: 500n } }])
    expect((await both.figures()).rails).toMatchObject([{ lastError: 'Error' }])
  })
})

test('a claim whose signing fails pays all the same, as soon as it can be signed', async () => {
  let isBroken = false
  const change = (rail: Rail): Partial<Rail> => ({
    signClaim: (claim, signal) => (isBroken ? failing() : rail.signClaim(claim, signal)),
  })
  await withNodes(change, async (nodes) => {
    const { alice, bob } = nodes
    await openChannel(nodes, 1_000n)
    isBroken = true
    const request = paying(400n)
    expect(await alice.settlement.settle('peer/bob', request)).toMatchObject({
      ok: true,
      value: { by: 'claim' },
    })
    await expect(alice.settlement.flush()).rejects.toMatchObject({ code: 'RAIL_FAILED' })
    expect(await alice.balance()).toBe(400n)
    expect(bob.booked).toEqual([])
    isBroken = false
    await alice.settlement.flush()
    expect(bob.booked).toEqual([-400n])
    expect((await alice.settlement.figures()).rails).toMatchObject([{ undelivered: 0, lastError: undefined }])
  })
})

test('what a withdraw shows to be owed again is told to the party as well as booked', async () => {
  let isBlindOnce = false
  const change = (rail: Rail, who: string): Partial<Rail> => ({
    channel: (id, signal) => {
      if (who !== 'alice' || !isBlindOnce) return rail.channel(id, signal)
      isBlindOnce = false
      return failing()
    },
  })
  await withNodes(change, async (nodes) => {
    const { alice, network, link } = nodes
    const channel = await openChannel(nodes, 1_000n)
    link.isUp = false
    await alice.settlement.settle('peer/bob', paying(400n))
    await alice.settlement.closeChannel(channel)
    for (let round = 0; round < 6; round++) {
      network.clock.advanceMs(alice.rail.info.minChallengeMs)
      // The look at the channel fails, so that the order's own look is the first to see that it has ended.
      isBlindOnce = (await alice.settlement.orders())[0]?.order.kind === 'withdraw'
      await alice.settlement.flush().catch(() => {})
      await network.finalise()
    }
    expect(await alice.settlement.channelState(channel)).toMatchObject({ state: 'closed' })
    expect(await alice.balance()).toBe(0n)
    expect(alice.booked).toEqual([400n, -400n])
  })
})

test('a claim that somebody records for a peer changes what the node holds the peer to owe', async () => {
  await withNodes(unchanged, async (nodes) => {
    const { alice, bob } = nodes
    const channel = await openChannel(nodes, 1_000n)
    const { rail, asset } = channel
    const claim = { rail, channelId: channel.id, asset, amount: 100n, nonce: 1n, binding: undefined }
    const signature = await alice.rail.signClaim(claim, AbortSignal.timeout(10_000))
    const credit = { path: 'assets/peer/alice', asset }
    const taken = await bob.settlement.recordClaim({ claim, signature }, { binding: undefined, credit })
    expect(taken).toMatchObject({ ok: true, value: 100n })
    expect(bob.booked).toEqual([-100n])
  })
})

test('keys of requests are forgotten after a week, those of calls that moved money never', async () => {
  await withNodes(unchanged, async ({ alice, network, quiet }) => {
    const request = paying(500n)
    const first = await alice.settlement.settle('peer/bob', request)
    const row = { scope: 'accounting/x/y', content: Buffer.alloc(32), last_ms: BigInt(network.clock.nowMs()) }
    await alice.database.db
      .insertInto('settlement_requests')
      .values({ ...row, key: 'one', answer: null })
      .execute()
    expect((await alice.settlement.figures()).requests).toBe(2)
    network.clock.advanceMs(8 * 24 * 3_600_000)
    await quiet()
    expect((await alice.settlement.figures()).requests).toBe(1)
    expect(await alice.settlement.settle('peer/bob', request)).toEqual(first)
  })
})

test('an order keeps the asset that it was made in, whatever its rail moves by now', async () => {
  await withNodes(unchanged, async ({ alice, network, stub }) => {
    await alice.settlement.settle('peer/bob', paying(500n))
    const { database, ledger } = alice
    const rail = { ...stub.openRail('alice'), info: { ...alice.rail.info, asset: 'drop' } } as const
    const source = sourceOf(
      () => ({ name: 'bob', asset: 'drop', rail: 'stub', ...alice.terms }),
      async () => undefined,
    )
    const other = testSettlement({ database, ledger, clock: network.clock, rail, source })
    expect(await other.orders()).toMatchObject([{ asset: 'usdc' }])
  })
})

/** A node whose engine answers every payment with a status. */
async function withEngine(
  prove: (node: {
    readonly settlement: ReturnType<typeof createSettlement>
    readonly engine: { status: number }
    readonly booked: readonly bigint[]
    readonly balance: () => Promise<bigint>
  }) => Promise<void>,
): Promise<void> {
  const { clock, dispose } = stubNetwork()
  const database = await testDatabase()
  const ledger = testLedger(database, clock)
  const engine = { status: 400 }
  const answering: typeof fetch = async () => new Response('', { status: engine.status })
  const rail = createExternalRail({
    name: 'far',
    asset: 'usdc',
    scale: 6,
    url: 'http://engine',
    fetch: answering,
  })
  const terms = { name: 'bob', asset: 'usdc', rail: 'far', threshold: 10_000n, target: 0n } as const
  const booked: bigint[] = []
  const source = {
    ...sourceOf(
      () => terms,
      async () => undefined,
    ),
    onBooked: (_: string, change: bigint) => void booked.push(change),
  }
  const logger = pino({ level: 'silent' })
  const settlement = createSettlement({
    db: database.db,
    ledger,
    rails: [rail],
    parties: [source],
    clock,
    logger,
  })
  const balance = async () => (await ledger.balance({ path: 'assets/peer/bob', asset: 'usdc' })).balance
  try {
    await prove({ settlement, engine, booked, balance })
  } finally {
    await settlement.stop()
    await ledger.stop()
    await database.close()
    await dispose()
  }
}

test('a payment that an engine answers with an error for ever can be given up by whoever answers for it, once', async () => {
  await withEngine(async ({ settlement, booked, balance }) => {
    await settlement.settle('peer/bob', paying(500n))
    await expect(settlement.flush()).rejects.toMatchObject({ code: 'RAIL_FAILED' })
    const [order] = await settlement.orders()
    const key = order?.key ?? ''
    expect(await settlement.settle('peer/bob', paying(500n))).toMatchObject({
      refusal: { code: 'UNDER_WAY' },
    })
    expect(await settlement.giveUp(key, { actor: 'olga' })).toMatchObject({
      refusal: { code: 'ORDER_UNCERTAIN' },
    })
    expect(await balance()).toBe(500n)
    expect(await settlement.giveUp(key, { actor: 'olga', isNeverTaken: true })).toEqual({
      ok: true,
      value: { state: 'given_up' },
    })
    expect(await balance()).toBe(0n)
    expect(booked).toEqual([500n, -500n])
    expect(await settlement.order(key)).toMatchObject({ state: 'given_up', reason: 'given up by olga' })
    expect(await settlement.giveUp(key, { actor: 'olga', isNeverTaken: true })).toMatchObject({
      refusal: { code: 'ORDER_ENDED' },
    })
    expect(await settlement.settle('peer/bob', paying(500n))).toMatchObject({ ok: true })
    expect((await settlement.figures()).orders).toEqual([
      { rail: 'far', state: 'given_up', count: 1 },
      { rail: 'far', state: 'recorded', count: 1 },
    ])
  })
})

test('what is not signed yet is given up without more; what the network has is not', async () => {
  await withNodes(unchanged, async ({ alice, bob, network, quiet }) => {
    await alice.settlement.settle('peer/bob', paying(500n))
    const [recorded] = await alice.settlement.orders()
    expect(await alice.settlement.giveUp(recorded?.key ?? '', { actor: 'olga' })).toMatchObject({
      value: { state: 'given_up' },
    })
    network.clock.advanceMs(1_000)
    await alice.settlement.settle('peer/bob', paying(600n))
    await alice.settlement.flush()
    const [sent] = await alice.settlement.orders()
    expect(
      await alice.settlement.giveUp(sent?.key ?? '', { actor: 'olga', isNeverTaken: true }),
    ).toMatchObject({
      refusal: { code: 'ORDER_TAKEN' },
    })
    await quiet()
    expect(bob.booked).toEqual([-600n])
    expect(await alice.settlement.giveUp('nothing', { actor: 'olga' })).toMatchObject({
      refusal: { code: 'UNKNOWN_ORDER' },
    })
  })
})

test('figures count orders and channels by where they stand, and what has not reached its payee', async () => {
  await withNodes(unchanged, async (nodes) => {
    const { alice, link } = nodes
    await openChannel(nodes, 1_000n)
    link.isUp = false
    await alice.settlement.settle('peer/bob', paying(400n))
    expect(await alice.settlement.figures()).toMatchObject({
      orders: [{ rail: 'stub', state: 'done', count: 1 }],
      channels: [{ rail: 'stub', direction: 'out', state: 'open', count: 1 }],
      requests: 2,
      noticesWaiting: 0,
      rails: [{ rail: 'stub', status: 'ok', undelivered: 1, lastError: undefined }],
    })
  })
})
