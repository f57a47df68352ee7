import { randomBytes } from 'node:crypto'
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import {
  authMessage,
  checkAuthEvent,
  computeEventId,
  type NostrEvent,
  okMessage,
  readConnectAuth,
  reason,
} from '../nostr/index.ts'
import type { SignatureVerifier } from '../platform/index.ts'
import type { Connection } from './session.ts'
import type { RelaySettings } from './settings.ts'
import { TokenBuckets } from './token-buckets.ts'

/** Keys that one connection may prove. */
const MAX_KEYS = 100

const CHALLENGE_BYTES = 16

export interface AuthenticationDeps {
  readonly settings: RelaySettings
  readonly verifier: SignatureVerifier
  /** Marks an event as used; false when it was used before. See `RelayHost`. */
  readonly claim: (id: string, untilSeconds: number) => Promise<boolean>
  /** The client has proved one more key. */
  readonly onProved: (connection: Connection) => void
  readonly nowMs: () => number
}

/** NIP-42: challenges, and the keys that clients prove by answering them. */
export class Authentication {
  readonly #deps: AuthenticationDeps
  #settings: RelaySettings
  #failures: TokenBuckets

  constructor(deps: AuthenticationDeps) {
    this.#deps = deps
    this.#settings = deps.settings
    this.#failures = failureBuckets(deps.settings)
  }

  configure(settings: RelaySettings): void {
    const before = this.#settings.auth.maxFailuresPerMinute
    this.#settings = settings
    if (settings.auth.maxFailuresPerMinute !== before) this.#failures = failureBuckets(settings)
  }

  /** Makes sure that the client has its challenge, which stays valid for the whole connection. */
  challenge(connection: Connection): void {
    const { session } = connection
    if (session.challenge !== undefined) return
    session.challenge = randomBytes(CHALLENGE_BYTES).toString('hex')
    connection.sendText(authMessage(session.challenge))
  }

  /** Answers an AUTH with exactly one OK. */
  answer(connection: Connection, event: NostrEvent): void {
    const refusal = this.#refuse(connection, event)
    if (refusal === undefined) {
      this.accept(connection, event)
    }
    connection.sendText(okMessage(event.id, refusal === undefined, refusal ?? ''))
  }

  /** Takes a key as proved by an event that was checked. */
  accept(connection: Connection, { id, pubkey }: NostrEvent): void {
    const { session } = connection
    if (!session.pubkeys.includes(pubkey)) {
      session.pubkeys = [...session.pubkeys, pubkey]
      session.authenticatorIds = [...session.authenticatorIds, id]
    }
    this.#deps.onProved(connection)
  }

  /**
   * Checks the AUTH event in the query of a URL (document 003) and uses it up. The value is undefined when the query
   * holds none; the refusal repeats nothing of the event.
   */
  async prove(query: string, host: string): Promise<Outcome<NostrEvent | undefined, string>> {
    const { verifier, claim, nowMs } = this.#deps
    const read = readConnectAuth(query, {
      relayUrls: this.#relayUrls(host),
      nowSeconds: Math.floor(nowMs() / 1_000),
      windowSeconds: this.#settings.auth.atConnectWindowSeconds,
    })
    if (!read.ok) return read
    if (read.value === undefined) return accepted(undefined)
    const { event, staleFromSeconds } = read.value
    if (!verifier.verify(event.id, event.pubkey, event.sig)) return refused('the signature is wrong')
    return (await claim(event.id, staleFromSeconds)) ? accepted(event) : refused('the event was used before')
  }

  #refuse(connection: Connection, event: NostrEvent): string | undefined {
    const { session } = connection
    const { nowMs, verifier } = this.#deps
    if (session.challenge === undefined) {
      this.challenge(connection)
      return reason('invalid', 'no challenge had been sent; answer the one that was sent now')
    }
    const checked = checkAuthEvent(event, {
      challenge: session.challenge,
      relayUrls: this.#relayUrls(session.host),
      nowSeconds: Math.floor(nowMs() / 1_000),
      windowSeconds: this.#settings.auth.windowSeconds,
    })
    if (checked.ok && isSigned(event, verifier)) {
      if (session.pubkeys.length < MAX_KEYS) return undefined
      return reason('restricted', `a connection can prove at most ${MAX_KEYS} keys`)
    }
    if (!this.#failures.take(session.address, nowMs())) {
      return reason('rate-limited', 'too many failed AUTH messages, wait a minute')
    }
    return reason('invalid', checked.ok ? 'the id or the signature is wrong' : checked.refusal)
  }

  /** Without a configured address, the relay is what the client called it. */
  #relayUrls(host: string): readonly string[] {
    const { publicUrl } = this.#settings
    return publicUrl === '' ? [`ws://${host}`, `wss://${host}`] : [publicUrl]
  }
}

function failureBuckets({ auth: { maxFailuresPerMinute } }: RelaySettings): TokenBuckets {
  return new TokenBuckets({ perSecond: maxFailuresPerMinute / 60, burst: maxFailuresPerMinute })
}

function isSigned(event: NostrEvent, verifier: SignatureVerifier): boolean {
  return computeEventId(event) === event.id && verifier.verify(event.id, event.pubkey, event.sig)
}
