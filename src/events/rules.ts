import {
  addressOf,
  compareNewestFirst,
  deletionTargets,
  isEphemeral,
  isExpired,
  KINDS,
  mayDelete,
  type NostrEvent,
} from '../nostr/index.ts'
import type { PutOutcome } from './store.ts'

/**
 * What an engine does with an event, decided before anything is written. Every engine obeys this file, so
 * that replacement (NIP-01), deletion (NIP-09, NIP-59), expiry (NIP-40) and vanishing (NIP-62) mean the same in all of
 * them.
 */
export type Decision =
  | {
      readonly action: 'store'
      /**
       * Ids of stored events that die in the same durable group: replaced versions, deletion targets, what a request to
       * vanish reaches. No repeats.
       */
      readonly removes: readonly string[]
    }
  | { readonly action: 'refuse'; readonly outcome: Refusal }

export type Refusal = Extract<
  PutOutcome,
  { readonly status: 'ephemeral' | 'expired' | 'duplicate' | 'vanished' | 'deleted' | 'superseded' }
>

/**
 * The look-ups that a decision needs, answered by the engine from its indexes. "Stored" means: accepted, and
 * since then neither replaced, deleted, swept nor removed; the earlier events of the batch in hand count. An
 * event whose `expiration` has passed is stored until it is swept.
 */
export interface StoredView {
  /** Is this id stored? */
  has(id: string): boolean
  /**
   * The stored versions of a replaceable or addressable event. `address` is what `addressOf` returns.
   * Normally none or one; all of them when a crash or an import left several. In any order.
   */
  versionsAt(address: string): readonly StoredVersion[]
  /** What must be known of a stored event to tell who may delete it; undefined when the id is not stored. */
  find(id: string): StoredTarget | undefined
  /**
   * The authors of the stored kind 5 events that name `id` as the first value of an `e` tag, whoever they
   * are: the rules decide which of them count. In any order, repeats allowed.
   */
  deletionsNaming(id: string): readonly string[]
  /**
   * The greatest `created_at` among the stored kind 5 events by `pubkey` that name `address` as the first
   * value of an `a` tag, compared as strings; undefined when there is none. `pubkey` is always the one inside
   * `address`.
   */
  newestAddressDeletion(address: string, pubkey: string): number | undefined
  /**
   * The greatest `created_at` among the stored requests to vanish (kind 62) by `pubkey`, in seconds; undefined when
   * there is none. Asked for every event that comes in, so it must be one look-up in a table of those keys; what is no
   * key is asked for too, since anything may stand in a `p` tag.
   */
  vanishedUntil(pubkey: string): number | undefined
  /** Ids of all stored events by `pubkey`, of whatever kind, made at or before `created_at` (seconds). In any order. */
  eventsUpTo(pubkey: string, created_at: number): readonly string[]
  /**
   * Ids of all stored gift wraps (kind 1059), by whomever, that hold `pubkey` as the first value of a `p` tag and were
   * made at or before `created_at` (seconds). In any order.
   */
  giftWrapsFor(pubkey: string, created_at: number): readonly string[]
}

export interface StoredVersion {
  readonly id: string
  /** Seconds. */
  readonly created_at: number
}

export interface StoredTarget {
  readonly pubkey: string
  readonly kind: number
  /**
   * Read of gift wraps (kind 1059) only, for their recipients: a getter may put off parsing the event until
   * then.
   */
  readonly tags: NostrEvent['tags']
}

/**
 * Decides one event whose shape, id and signature were already checked. The first rule that speaks wins:
 * ephemeral, expired, duplicate, vanished, deleted, superseded; what none of them refuses is stored.
 *
 * A request to vanish (kind 62) is taken to be meant for this relay: whoever lets it in has read its `relay` tags.
 *
 * An expired version of an address that was not yet swept still counts: an older one does not take its place
 * before the sweep, and is refused as superseded.
 */
export function decidePut(event: NostrEvent, view: StoredView, nowSeconds: number): Decision {
  if (isEphemeral(event.kind)) return refuse('ephemeral')
  if (isExpired(event, nowSeconds)) return refuse('expired')
  if (view.has(event.id)) return refuse('duplicate')
  if (hasVanished(event, view)) return refuse('vanished')
  if (isDeletedById(event, view)) return refuse('deleted')

  const address = addressOf(event)
  if (address === undefined) return { action: 'store', removes: removedBy(event, view) }
  if (isDeletedByAddress(event, address, view)) return refuse('deleted')
  const versions = view.versionsAt(address)
  if (versions.some((version) => compareNewestFirst(version, event) < 0)) return refuse('superseded')
  return { action: 'store', removes: versions.map(({ id }) => id) }
}

const NONE: readonly string[] = []

function refuse(status: Refusal['status']): Decision {
  return { action: 'refuse', outcome: { status } }
}

/**
 * Has its author asked to vanish, at that second or later, or, of a gift wrap, one of those it was sent to? A second
 * request of the same second is refused by this as well, and one that is older: the latest time stays (NIP-62: what
 * was deleted must not come back).
 */
function hasVanished(event: NostrEvent, view: StoredView): boolean {
  return keysThatMayVanish(event).some(
    (pubkey) => event.created_at <= (view.vanishedUntil(pubkey) ?? -Infinity),
  )
}

/**
 * Whose requests to vanish keep this event away: its author's, and of a gift wrap those of its recipients, the first
 * values of its `p` tags. Strings of any kind, repeats allowed.
 */
export function keysThatMayVanish({ kind, pubkey, tags }: NostrEvent): readonly string[] {
  if (kind !== KINDS.GIFT_WRAP) return [pubkey]
  return [pubkey, ...tags.flatMap(([name, value]) => (name === 'p' && value !== undefined ? value : []))]
}

/**
 * Has a stored deletion named this event, which arrives only now? An id is exact, so it holds whatever the
 * two say about their times (NIP-09).
 */
function isDeletedById(event: NostrEvent, view: StoredView): boolean {
  return view.deletionsNaming(event.id).some((pubkey) => mayDelete({ kind: KINDS.DELETION, pubkey }, event))
}

/**
 * A deletion by `a` speaks of the versions up to its own `created_at`; later ones are a fresh start (NIP-09).
 */
function isDeletedByAddress(event: NostrEvent, address: string, view: StoredView): boolean {
  const deletedUntil = view.newestAddressDeletion(address, event.pubkey)
  return deletedUntil !== undefined && event.created_at <= deletedUntil
}

/** What a regular event takes with it when it is stored. */
function removedBy(event: NostrEvent, view: StoredView): readonly string[] {
  if (event.kind === KINDS.DELETION) return killedBy(event, view)
  if (event.kind === KINDS.VANISH) return vanishingWith(event, view)
  return NONE
}

/**
 * Everything that the author of a request to vanish has stored up to its time, deletions and older requests included,
 * and the gift wraps that were sent to them until then (NIP-62).
 */
function vanishingWith({ pubkey, created_at }: NostrEvent, view: StoredView): readonly string[] {
  return [...new Set([...view.eventsUpTo(pubkey, created_at), ...view.giftWrapsFor(pubkey, created_at)])]
}

/**
 * The stored events that a deletion reaches: by id those it may delete, by address its own up to its time.
 */
function killedBy(deletion: NostrEvent, view: StoredView): readonly string[] {
  const targets = deletionTargets(deletion)
  const killed = new Set<string>()
  for (const id of targets.ids) {
    const target = view.find(id)
    if (target !== undefined && mayDelete(deletion, target)) killed.add(id)
  }
  for (const address of targets.addresses) {
    for (const version of view.versionsAt(address)) {
      if (version.created_at <= deletion.created_at) killed.add(version.id)
    }
  }
  return [...killed]
}
