/** The relays that are watched, as operators see and change them. */
import type { AuditRecord } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type { Actor, ObservatoryDesk, WatchedRelay } from './console/index.ts'
import { accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import {
  addRelay,
  allowRelay,
  type ListedRelay,
  listRelays,
  refuseRelay,
  type Tx,
} from './observatory/records/index.ts'
import { NOT_READY } from './stoa-audit.ts'
import type { ObservatoryRoom } from './stoa-observatory.ts'
import type { Office } from './stoa-office.ts'

export interface RelaysDeps {
  readonly config: () => Pick<Config, 'observatory' | 'relay'>
  readonly office: () => Pick<Office, 'database' | 'audit'> | undefined
  readonly room: Pick<ObservatoryRoom, 'source' | 'lookAtRelays'>
}

export function watchedRelays({ config, office, room }: RelaysDeps): ObservatoryDesk['relays'] {
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
    // The collector runs in another thread; here its rules are read when somebody changes a relay.
    const { normalizeRelayAddress } = await import('./observatory/collector/index.ts')
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
