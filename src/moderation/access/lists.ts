/** Small computations on the lists as plain data. */
import { isDeepStrictEqual } from 'node:util'
import { type AccessChange, AccessLists, type AccessListsData, type GrantedLevel } from '../../relay/index.ts'

/** Levels of keys that another part of the program knows: members, subscribers, trusted authors. */
export type Levels = Readonly<Record<string, GrantedLevel>>

export function withChanges(lists: AccessListsData, changes: readonly AccessChange[]): AccessListsData {
  const changed = AccessLists.fromJSON(lists)
  for (const change of changes) changed.apply(change)
  return changed.toJSON()
}

/** What the relay is told: as long as it lasts, a level set by hand stands before one that comes from elsewhere. */
export function withLevels(lists: AccessListsData, levels: Levels, nowSeconds: number): AccessListsData {
  const byHand = Object.entries(lists.levels).filter(
    ([, { expiresAtSeconds = Number.POSITIVE_INFINITY }]) => expiresAtSeconds > nowSeconds,
  )
  return { ...lists, levels: { ...levels, ...Object.fromEntries(byHand) } }
}

/** Do they say the same, in whatever order? */
export function sameLists(one: AccessListsData, other: AccessListsData): boolean {
  return isDeepStrictEqual(ordered(one), ordered(other))
}

function ordered(lists: AccessListsData): AccessListsData {
  return {
    ...lists,
    allowedKinds: lists.allowedKinds.toSorted((a, b) => a - b),
    deniedKinds: lists.deniedKinds.toSorted((a, b) => a - b),
    unlimitedIps: lists.unlimitedIps.toSorted(),
  }
}

/**
 * The changes as the relay has to make them, so that it knows what `told` says: a level that is not set by hand any more
 * may still come from elsewhere.
 */
export function asTold(changes: readonly AccessChange[], told: AccessListsData): readonly AccessChange[] {
  return changes.map((change) => {
    if (change.do !== 'set-level' && change.do !== 'unset-level') return change
    const { pubkey } = change
    const level = told.levels[pubkey]
    return level === undefined ? { do: 'unset-level', pubkey } : { do: 'set-level', pubkey, ...level }
  })
}

/** Changes that make these lists of empty ones, but for the levels. */
export function changesFor(lists: AccessListsData): readonly AccessChange[] {
  const { maxConnections, information } = lists
  const reasons = Object.entries<string>
  return [
    ...reasons(lists.bannedPubkeys).map(
      ([pubkey, reason]): AccessChange => ({ do: 'ban-pubkey', pubkey, reason }),
    ),
    ...reasons(lists.allowedPubkeys).map(
      ([pubkey, reason]): AccessChange => ({ do: 'allow-pubkey', pubkey, reason }),
    ),
    ...reasons(lists.bannedEvents).map(([id, reason]): AccessChange => ({ do: 'ban-event', id, reason })),
    ...reasons(lists.blockedIps).map(([ip, reason]): AccessChange => ({ do: 'block-ip', ip, reason })),
    ...reasons(lists.shadowPubkeys).map(
      ([pubkey, reason]): AccessChange => ({ do: 'shadow-pubkey', pubkey, reason }),
    ),
    ...lists.allowedKinds.map((kind): AccessChange => ({ do: 'allow-kind', kind })),
    ...lists.deniedKinds.map((kind): AccessChange => ({ do: 'disallow-kind', kind })),
    ...lists.unlimitedIps.map((ip): AccessChange => ({ do: 'unlimit-ip', ip })),
    ...(lists.maintenance ? [{ do: 'set-maintenance', maintenance: true } as const] : []),
    ...(maxConnections === undefined ? [] : [{ do: 'set-max-connections', maxConnections } as const]),
    ...(Object.keys(information).length === 0 ? [] : [{ do: 'set-information', ...information } as const]),
  ]
}
