/** The observatory as operators have it: how it stands, which relays it watches, its history, alerts, tiers of API keys. */
import type { OwnedApiKey } from './accounts/index.ts'
import type { AuditRecord } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type {
  Actor,
  KeySubscription,
  ObservatoryDesk,
  ObservatoryFacts,
  WatchAlert,
  WatchedRelay,
} from './console/index.ts'
import { AppError, accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import { type AlertRule, type Alerts, OPERATOR } from './observatory/alerts/index.ts'
import type { ApiTiers } from './observatory/api/index.ts'
import { normalizeRelayAddress } from './observatory/collector/index.ts'
import { exportHistory } from './observatory/export/index.ts'
import type { SourcedSnapshot } from './observatory/index.ts'
import {
  addRelay,
  allowRelay,
  type ListedRelay,
  listRelays,
  readStanding,
  refuseRelay,
  type Tx,
} from './observatory/records/index.ts'
import { NOT_READY, writeDown } from './stoa-audit.ts'
import type { ObservatoryRoom } from './stoa-observatory.ts'
import type { Office } from './stoa-office.ts'
import type { WatchStats } from './stoa-watch.ts'

export interface ObservatoryOperatorDeps {
  readonly config: () => Config
  readonly office: () => Office | undefined
  readonly room: Pick<
    ObservatoryRoom,
    'health' | 'stats' | 'source' | 'isKeeper' | 'observationsPerSecond' | 'lookAtRelays'
  >
  readonly alerts: () => Alerts | undefined
  readonly tiers: () => ApiTiers | undefined
}

export function observatoryOperator(deps: ObservatoryOperatorDeps): ObservatoryDesk {
  return {
    show: () => show(deps),
    relays: relaysOf(deps),
    exportHistory: async (query) => {
      const database = deps.office()?.database()
      if (database === undefined) return NOT_READY
      try {
        return accepted(await exportHistory(database.db, query))
      } catch (error) {
        // What is in the way is for whoever asked to know: no DuckDB, too many rows, too many exports at a time.
        if (error instanceof AppError && error.code.startsWith('OBSERVATORY_EXPORT_'))
          return refused({ code: 'UNAVAILABLE', text: error.message })
        throw error
      }
    },
    alerts: async () => {
      const alerts = deps.alerts()
      return alerts === undefined ? NOT_READY : accepted((await alerts.rules.list(OPERATOR)).map(alertShown))
    },
    tiers: tiersOf(deps),
  }
}

async function show({ config, office, room }: ObservatoryOperatorDeps): Promise<ObservatoryFacts> {
  const { observatory } = config()
  const database = office()?.database()
  const [standing, current] = await Promise.all([
    database === undefined ? undefined : readStanding(database.db),
    room.source.snapshot('24h'),
  ])
  const stats = room.stats()
  const { is = '', reason } = room.health()
  return {
    watch: observatory.watch === 'network' ? 'network' : 'own',
    region: observatory.region,
    state: String(is),
    ...(reason !== undefined && { reason: String(reason) }),
    isKeeper: room.isKeeper,
    hasKeeper: standing?.hasKeeper ?? room.isKeeper,
    ...(current !== undefined && { figures: figuresShown(current) }),
    ...(standing?.snapshotAtSeconds !== undefined && { snapshotAtSeconds: standing.snapshotAtSeconds }),
    ...(stats !== undefined && {
      collector: collectorShown(stats, room.observationsPerSecond()),
      delivery: deliveryShown(stats, observatory.journalBytes),
    }),
    waitingBatches: standing?.waitingBatches ?? 0,
    setAsideBatches: standing?.setAsideBatches ?? 0,
    offences: Object.fromEntries(
      Object.entries(stats?.collector.offences ?? {}).filter(([, count]) => count > 0),
    ),
    collectors: standing?.collectors ?? [],
  }
}

function figuresShown({ snapshot, from }: SourcedSnapshot): NonNullable<ObservatoryFacts['figures']> {
  const { relaysKnown, relaysWatched, relaysConnected, relaysCandidate, lastSeenSeconds } = snapshot.coverage
  return {
    from,
    atSeconds: Math.floor(snapshot.atSeconds),
    relaysProven: relaysKnown,
    relaysWatched,
    relaysConnected,
    relaysCandidate,
    events24h: snapshot.events,
    ...(lastSeenSeconds !== undefined && { observedAtSeconds: Math.floor(lastSeenSeconds) }),
  }
}

function collectorShown({ collector, intake }: WatchStats, perSecond: number | undefined) {
  const { known, share, connected, connecting, waiting, candidates, refused: left } = collector
  return {
    known,
    share,
    connected,
    connecting,
    waiting,
    refused: left,
    candidates,
    ...(perSecond !== undefined && { observationsPerSecond: Math.round(perSecond * 10) / 10 }),
    messages: collector.messages,
    observations: intake.observations,
    verified: intake.verified,
  }
}

function deliveryShown({ delivery }: WatchStats, journalLimitBytes: number) {
  const { deliveries, rows, waitingRows, journalBytes, isJournalFull, failuresInARow } = delivery
  return {
    deliveries,
    observations: rows,
    waiting: waitingRows,
    journalBytes,
    journalLimitBytes,
    isJournalFull,
    failuresInARow,
    ...(delivery.lastError !== undefined && { lastError: delivery.lastError }),
    ...(delivery.lastDeliveredSeconds !== undefined && {
      deliveredAtSeconds: Math.floor(delivery.lastDeliveredSeconds),
    }),
  }
}

function relaysOf({ config, office, room }: ObservatoryOperatorDeps): ObservatoryDesk['relays'] {
  /** In one transaction with its row of the audit log; all collectors hear of it when it is done. */
  const change = async <T>(
    url: string,
    by: Actor,
    act: (tx: Tx, url: string) => Promise<Outcome<T, Refusal>>,
    record: Pick<AuditRecord, 'action' | 'after'>,
  ): Promise<Outcome<T & { readonly url: string }, Refusal>> => {
    const [database, audit] = [office()?.database(), office()?.audit()]
    if (database === undefined || audit === undefined) return NOT_READY
    const { allowPrivate, onionProxy } = config().observatory
    const address = normalizeRelayAddress(url, { allowPrivate, allowOnion: onionProxy !== '' })
    if (!address.ok)
      return refused({
        code: 'INVALID',
        text: `${url.slice(0, 200)} is not connected to: ${address.refusal}`,
      })
    const done = await database.db.transaction().execute(async (tx) => {
      const outcome = await act(tx, address.value)
      if (outcome.ok) await audit.record(tx, { ...by, ...record, subject: address.value })
      return outcome
    })
    if (!done.ok) return done
    room.lookAtRelays()
    return accepted({ ...done.value, url: address.value })
  }
  const maxRelays = () => config().observatory.maxRelays
  return {
    list: async (query) => {
      const database = office()?.database()
      if (database === undefined) return NOT_READY
      const [listed, current] = await Promise.all([
        listRelays(database.db, query),
        room.source.snapshot('24h'),
      ])
      // The table is as old as the last snapshot that was written.
      const eventsOf = new Map(current?.snapshot.relays.map(({ url, events }) => [url, events]))
      return accepted(
        listed.map((relay) =>
          relayShown({ ...relay, events24h: eventsOf.get(relay.url) ?? relay.events24h }),
        ),
      )
    },
    add: (url, by) => {
      if (config().observatory.watch !== 'network') return Promise.resolve(refused(OWN_ONLY))
      return change(url, by, (tx, relay) => addRelay(tx, { url: relay, maxRelays: maxRelays() }), {
        action: 'observatory.relay_added',
      })
    },
    refuse: (url, { why, by }) =>
      change(
        url,
        by,
        async (tx, relay) => {
          if (relay === config().relay.publicUrl) return refused(OURSELVES)
          const terms = { url: relay, maxRelays: maxRelays(), by: by.actor, why }
          const done = await refuseRelay(tx, terms)
          return done.ok ? accepted({}) : done
        },
        { action: 'observatory.relay_refused', after: { why } },
      ),
    allow: (url, by) =>
      change(
        url,
        by,
        async (tx, relay) => {
          const done = await allowRelay(tx, relay)
          return done.ok ? accepted({}) : done
        },
        { action: 'observatory.relay_allowed' },
      ),
  }
}

const OWN_ONLY: Refusal = {
  code: 'NOT_ALLOWED',
  text: 'only this relay is watched: observatory.watch = "network" watches others',
}
const OURSELVES: Refusal = {
  code: 'INVALID',
  text: 'this is our own relay: observatory.watch = "off" has it not watched',
}

function relayShown(relay: ListedRelay): WatchedRelay {
  const { url, state, reason, isProven, origin, failures, nextTrySeconds, reportedAtSeconds } = relay
  return {
    url,
    state: relay.refused === undefined ? state : 'refused',
    ...(reason !== undefined && { reason }),
    isProven,
    origin,
    failures,
    ...(nextTrySeconds > 0 && relay.refused === undefined && { nextTryAtSeconds: nextTrySeconds }),
    ...(reportedAtSeconds !== undefined && { reportedAtSeconds }),
    events24h: relay.events24h,
    ...(relay.refused !== undefined && {
      refusedBy: relay.refused.by,
      refusedWhy: relay.refused.why,
      refusedAtSeconds: relay.refused.atSeconds,
    }),
  }
}

function alertShown(rule: AlertRule): WatchAlert {
  const { id, name, state, sinceSeconds, isPaused, range, condition, channels } = rule
  return {
    id,
    name,
    state,
    sinceAtSeconds: sinceSeconds,
    isPaused,
    range,
    condition: JSON.stringify(condition),
    channels: channels.map(({ type }) => type),
  }
}

function tiersOf({ office, tiers: tiersNow }: ObservatoryOperatorDeps): ObservatoryDesk['tiers'] {
  /** A key that there is, and the tiers of all. */
  const withKey = async <T>(
    keyId: string,
    act: (tiers: ApiTiers, key: OwnedApiKey) => Promise<Outcome<T, Refusal>>,
  ): Promise<Outcome<T, Refusal>> => {
    const [tiers, accounts] = [tiersNow(), office()?.people()?.accounts]
    if (tiers === undefined || accounts === undefined) return NOT_READY
    const key = await accounts.findApiKey(keyId)
    return key === undefined
      ? refused({ code: 'NOT_FOUND', text: `there is no API key ${keyId}` })
      : act(tiers, key)
  }
  return {
    show: (keyId) => withKey(keyId, async (tiers, key) => accepted(await subscriptionShown(tiers, key))),
    subscribe: ({ keyId, tier }, by) =>
      withKey(keyId, async (tiers, key) => {
        const payer = payerOf(key)
        if (key.revokedAtSeconds !== undefined)
          return refused({ code: 'NOT_FOUND', text: `the API key ${keyId} was revoked` })
        if (payer === undefined)
          return refused({ code: 'INVALID', text: 'no Nostr key is linked to the account of this API key' })
        const subscribed = await tiers.subscribe(keyId, payer, tier)
        if (!subscribed.ok) return subscribed
        const { fromMonth } = subscribed.value
        const after = { tier, fromMonth, owner: payer }
        await writeDown(office(), { ...by, action: 'observatory.tier_subscribed', subject: keyId, after })
        return subscribed
      }),
    end: (keyId, by) =>
      withKey(keyId, async (tiers) => {
        const ended = await tiers.end(keyId)
        if (ended.ok) await writeDown(office(), { ...by, action: 'observatory.tier_ended', subject: keyId })
        return ended
      }),
  }
}

/** Whose relay credit pays: the key that it was made with, or the first that was linked to its account. */
function payerOf({ owner, ownerPubkeys }: OwnedApiKey): string | undefined {
  return owner.pubkey ?? ownerPubkeys[0]
}

async function subscriptionShown(tiers: ApiTiers, key: OwnedApiKey): Promise<KeySubscription> {
  const [now, subscription] = await Promise.all([tiers.tierOf(key.id), tiers.subscription(key.id)])
  const owner = subscription?.owner ?? payerOf(key)
  return {
    keyId: key.id,
    keyName: key.name,
    ...(owner !== undefined && { owner }),
    isRevoked: key.revokedAtSeconds !== undefined,
    tier: now.name,
    requestsPer15Minutes: now.requestsPer15Min,
    ...(subscription !== undefined && {
      subscription: {
        tier: subscription.tier,
        state: subscription.state,
        ...(subscription.paidTier !== undefined && { paidTier: subscription.paidTier }),
        ...(subscription.paidMonth !== undefined && { paidMonth: subscription.paidMonth }),
      },
    }),
  }
}
