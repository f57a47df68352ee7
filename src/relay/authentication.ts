import { randomBytes } from 'node:crypto'
import {
  authMessage,
  checkAuthEvent,
  computeEventId,
  type NostrEvent,
  okMessage,
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
  readonly nowMs: () => number
}

/** NIP-42: challenges, and the keys that clients prove by answering them. */
export class Authentication {
  readonly #deps: AuthenticationDeps
  readonly #failures: TokenBuckets

  constructor(deps: AuthenticationDeps) {
    const { maxFailuresPerMinute } = deps.settings.auth
    this.#deps = deps
    this.#failures = new TokenBuckets({ perSecond: maxFailuresPerMinute / 60, burst: maxFailuresPerMinute })
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
      const { session } = connection
      if (!session.pubkeys.includes(event.pubkey)) session.pubkeys = [...session.pubkeys, event.pubkey]
    }
    connection.sendText(okMessage(event.id, refusal === undefined, refusal ?? ''))
  }

  #refuse(connection: Connection, event: NostrEvent): string | undefined {
    const { session } = connection
    const { nowMs, settings, verifier } = this.#deps
    if (session.challenge === undefined) {
      this.challenge(connection)
      return reason('invalid', 'no challenge had been sent; answer the one that was sent now')
    }
    const checked = checkAuthEvent(event, {
      challenge: session.challenge,
      relayUrls: this.#relayUrls(session.host),
      nowSeconds: Math.floor(nowMs() / 1_000),
      windowSeconds: settings.auth.windowSeconds,
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
    const { publicUrl } = this.#deps.settings
    return publicUrl === '' ? [`ws://${host}`, `wss://${host}`] : [publicUrl]
  }
}

function isSigned(event: NostrEvent, verifier: SignatureVerifier): boolean {
  return computeEventId(event) === event.id && verifier.verify(event.id, event.pubkey, event.sig)
}
