import { KINDS, type NostrEvent, RELAY_SIGNED_KINDS, reason, vanishTargets } from '../nostr/index.ts'
import type { AccessLists } from './access-lists.ts'
import type { Authentication } from './authentication.ts'
import type { EventIntake } from './event-intake.ts'
import type { WriteContext, WritePolicies } from './policies/index.ts'
import type { Connection } from './session.ts'
import type { RelaySettings } from './settings.ts'

export interface SubmissionsDeps {
  readonly settings: RelaySettings
  readonly lists: AccessLists
  readonly policies: WritePolicies
  readonly intake: EventIntake
  readonly authentication: Authentication
  /** The relay's own key, hex; empty when it has none. */
  readonly self: string
  readonly nowMs: () => number
}

/** Takes EVENTs from clients: what can be refused before anything costly is refused here, the rest is taken in. */
export class Submissions {
  readonly #deps: SubmissionsDeps
  #settings: RelaySettings

  constructor(deps: SubmissionsDeps) {
    this.#deps = deps
    this.#settings = deps.settings
  }

  configure(settings: RelaySettings): void {
    this.#settings = settings
  }

  submit(connection: Connection, event: NostrEvent): void {
    const { intake, policies, authentication } = this.#deps
    const context = this.#contextOf(connection)
    const verdict = policies.judgeEarly(event, context)
    const refusal = verdict?.do === 'refuse' ? verdict.text : this.#refuseSpecial(connection, event)
    if (refusal === undefined) {
      intake.take(connection, event, context, verdict)
      return
    }
    if (refusal.startsWith('auth-required')) authentication.challenge(connection)
    intake.refuse(connection, event.id, refusal)
  }

  #contextOf({ session }: Connection): WriteContext {
    const { lists, nowMs } = this.#deps
    const nowSeconds = Math.floor(nowMs() / 1_000)
    const { address, pubkeys } = session
    return { origin: 'client', address, pubkeys, level: lists.levelOf(pubkeys, nowSeconds), nowSeconds }
  }

  /** Kinds that mean something to the relay itself. */
  #refuseSpecial(connection: Connection, event: NostrEvent): string | undefined {
    if (event.kind === KINDS.VANISH) return this.#refuseVanish(connection, event)
    if (RELAY_SIGNED_KINDS.includes(event.kind) && event.pubkey !== this.#deps.self) return NOT_THE_RELAY
    // Without the tag a request could be brought by anybody who has seen it (NIP-43).
    if (event.kind !== KINDS.JOIN_REQUEST && event.kind !== KINDS.LEAVE_REQUEST) return undefined
    const { pubkeys } = connection.session
    if (pubkeys.includes(event.pubkey)) return undefined
    return pubkeys.length === 0 ? UNPROVED_MEMBER : OTHER_MEMBER
  }

  /** A request to vanish that is not for this relay would only be a mark of those who want to leave no mark (NIP-62). */
  #refuseVanish({ session }: Connection, event: NostrEvent): string | undefined {
    const { publicUrl } = this.#settings
    const urls = publicUrl === '' ? [`ws://${session.host}`, `wss://${session.host}`] : [publicUrl]
    const targets = vanishTargets(event, urls)
    if (targets === 'ours') return undefined
    return targets === 'none' ? NO_RELAY_NAMED : OTHER_RELAY_NAMED
  }
}

const NOT_THE_RELAY = reason('blocked', 'events of this kind are made by the relay itself (NIP-43)')
const UNPROVED_MEMBER = reason('auth-required', 'to join or leave, authenticate as yourself first (NIP-42)')
const OTHER_MEMBER = reason('restricted', 'to join or leave, authenticate as yourself (NIP-42)')
const NO_RELAY_NAMED = reason('invalid', 'a request to vanish names its relays in "relay" tags (NIP-62)')
const OTHER_RELAY_NAMED = reason('invalid', 'this request to vanish is for other relays (NIP-62)')
