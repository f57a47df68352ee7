/** The way of events from other relays into the store: as strict as that of a client's EVENT. */
import { setImmediate } from 'node:timers/promises'
import type { EventStore, PutOutcome } from '../events/index.ts'
import type { Clock } from '../kernel/index.ts'
import {
  canonicalize,
  isEphemeral,
  isProtected,
  isVanishRequest,
  MEMBERSHIP_EXCHANGE_KINDS,
  type NostrEvent,
  RELAY_SIGNED_KINDS,
  vanishTargets,
} from '../nostr/index.ts'
import type { HostAnswer, Verdict, WriteContext } from '../relay/index.ts'

/** Where events come from, as far as rules care. */
export interface IntakeSource {
  readonly origin: 'mirror' | 'sync'
  /** Host and port of the other relay. */
  readonly peer: string
  /** Take protected events (NIP-70) too: the operator vouches for the relay, as if their author had brought them. */
  readonly takesProtected: boolean
}

export type IntakeResult =
  | { readonly status: 'stored' }
  /** It is stored already. */
  | { readonly status: 'known' }
  /** Its id is not its hash, or its signature does not hold: whoever sent it did not check, or lies. */
  | { readonly status: 'forged' }
  /** A rule of ours is against it; the text has a prefix. */
  | {
      readonly status: 'refused'
      readonly text: string
      /** No later time changes that: it need not be fetched again. */
      readonly isForGood?: true
    }
  /** The store could not take it. */
  | { readonly status: 'failed'; readonly text: string }

export interface Intake {
  /** Takes events of the right shape; one result for each, in order. What was stored is on disk then. */
  take(events: readonly NostrEvent[], source: IntakeSource): Promise<readonly IntakeResult[]>
}

/** What the write policies of the relay say (`createWritePolicies`). */
export interface IntakePolicies {
  judgeEarly(event: NostrEvent, context: WriteContext): Verdict
  judgeLate(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict>
}

export interface IntakeDeps {
  readonly store: EventStore
  readonly clock: Clock
  /** For each event: does `sig` sign `id` with `pubkey` (BIP-340)? */
  readonly verifyBatch: (events: readonly NostrEvent[]) => readonly boolean[] | Promise<readonly boolean[]>
  /** Absent: no rules but those that cannot be switched off. */
  readonly policies?: IntakePolicies
  /** Keeps an event for a moderator (`RelayHost.hold`); absent: what a rule would hold is refused. */
  readonly hold?: (event: NostrEvent, why: string) => Promise<HostAnswer>
  /** Brings a stored event to all subscribers. */
  readonly publish?: (event: NostrEvent, json: Uint8Array, seq: number) => void
  /** The relay's own key, hex; empty when it has none. */
  readonly self: string
  /** The addresses by which our relay is known: a request to vanish names them (NIP-62). */
  readonly relayUrls: readonly string[]
}

/** So many signatures are checked before others have their turn: 2 ms with libsecp256k1, 16 without. */
const VERIFIED_AT_ONCE = 64

export function createIntake(deps: IntakeDeps): Intake {
  return {
    take: async (events, source) => {
      const known = await Promise.all(events.map(async (event) => deps.store.has(event.id)))
      const signed = await checkSignatures(events, known, deps)
      const context = contextOf(source, deps.clock)
      const judged = await Promise.all(
        events.map(async (event, index) => {
          if (known[index] === true) return KNOWN
          return signed[index] === undefined ? FORGED : judge(event, source, context, deps)
        }),
      )
      return store(events, judged, signed, deps)
    },
  }
}

/** The canonical JSON of each event that is new and whose id and signature are right. */
async function checkSignatures(
  events: readonly NostrEvent[],
  known: readonly boolean[],
  { verifyBatch }: IntakeDeps,
): Promise<readonly (string | undefined)[]> {
  const json = events.map((event, index) => {
    if (known[index] === true) return undefined
    const canonical = canonicalize(event)
    return canonical.id === event.id ? canonical.json : undefined
  })
  for (let start = 0; start < events.length; start += VERIFIED_AT_ONCE) {
    const places = [...json.keys()]
      .slice(start, start + VERIFIED_AT_ONCE)
      .filter((at) => json[at] !== undefined)
    const answers = await verifyBatch(places.map((at) => events[at]!))
    for (const [n, at] of places.entries()) if (answers[n] !== true) json[at] = undefined
    await setImmediate()
  }
  return json
}

function contextOf({ origin, peer }: IntakeSource, clock: Clock): WriteContext {
  return { origin, address: peer, pubkeys: [], level: 0, nowSeconds: clock.nowSeconds() }
}

/** Undefined lets it pass. */
async function judge(
  event: NostrEvent,
  source: IntakeSource,
  context: WriteContext,
  deps: IntakeDeps,
): Promise<IntakeResult | undefined> {
  const own = refuseByKind(event, deps)
  if (own !== undefined) return own
  if (isProtected(event) && !source.takesProtected) return PROTECTED
  if (deps.policies === undefined) return undefined
  // As if the author had brought a protected event that is to be taken; no other event gains by that.
  const asked = isProtected(event) ? { ...context, pubkeys: [event.pubkey] } : context
  const verdict = deps.policies.judgeEarly(event, asked) ?? (await deps.policies.judgeLate(event, asked))
  return verdict === undefined ? undefined : carryOut(verdict, event, deps)
}

/** What a relay says or does for itself is nobody else's to bring. */
function refuseByKind(event: NostrEvent, { self, relayUrls }: IntakeDeps): IntakeResult | undefined {
  if (isEphemeral(event.kind) || MEMBERSHIP_EXCHANGE_KINDS.includes(event.kind)) return EPHEMERAL
  if (RELAY_SIGNED_KINDS.includes(event.kind) && event.pubkey !== self) return OF_ANOTHER_RELAY
  if (isVanishRequest(event) && vanishTargets(event, relayUrls) !== 'ours') return VANISH_ELSEWHERE
  return undefined
}

async function carryOut(
  verdict: NonNullable<Verdict>,
  event: NostrEvent,
  { hold }: IntakeDeps,
): Promise<IntakeResult> {
  switch (verdict.do) {
    case 'refuse':
      return {
        status: 'refused',
        text: verdict.text,
        ...(verdict.isForGood === true && { isForGood: true }),
      }
    case 'pretend':
      return { status: 'refused', text: 'blocked: dropped by a rule' }
    case 'hold': {
      const answer = await hold?.(event, verdict.why)
      const text = answer?.isAccepted === true ? 'blocked: waits for a moderator' : `blocked: ${verdict.why}`
      return { status: 'refused', text }
    }
  }
}

async function store(
  events: readonly NostrEvent[],
  judged: readonly (IntakeResult | undefined)[],
  signed: readonly (string | undefined)[],
  deps: IntakeDeps,
): Promise<readonly IntakeResult[]> {
  const places = [...events.keys()].filter((at) => judged[at] === undefined)
  const batch = places.map((at) => Buffer.from(signed[at] ?? ''))
  const outcomes = places.length === 0 ? [] : await deps.store.put(batch, deps.clock.nowSeconds())
  const results = [...judged]
  for (const [n, at] of places.entries()) {
    const outcome = outcomes[n]
    results[at] = resultOf(outcome)
    if (outcome?.status === 'stored') deps.publish?.(events[at]!, batch[n]!, outcome.seq)
  }
  return results.map((result) => result ?? resultOf(undefined))
}

function resultOf(outcome: PutOutcome | undefined): IntakeResult {
  switch (outcome?.status) {
    case 'stored':
      return { status: 'stored' }
    case 'duplicate':
      return KNOWN
    case undefined:
      return { status: 'failed', text: 'the store gave no answer' }
    case 'failed':
      return { status: 'failed', text: outcome.message }
    case 'superseded':
    case 'deleted':
    case 'vanished':
    case 'expired':
    case 'ephemeral':
      return { status: 'refused', text: `${outcome.status}: not kept by the rules of the store` }
  }
}

const KNOWN: IntakeResult = { status: 'known' }
const FORGED: IntakeResult = { status: 'forged' }
const PROTECTED: IntakeResult = {
  status: 'refused',
  text: 'blocked: a protected event is taken from its author only (NIP-70)',
}
const EPHEMERAL: IntakeResult = { status: 'refused', text: 'blocked: events of this kind are not kept' }
const OF_ANOTHER_RELAY: IntakeResult = {
  status: 'refused',
  text: 'blocked: events of this kind are made by each relay itself (NIP-43)',
}
const VANISH_ELSEWHERE: IntakeResult = {
  status: 'refused',
  text: 'blocked: this request to vanish is for other relays (NIP-62)',
}
