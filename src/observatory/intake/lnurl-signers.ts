import type { Clock } from '../../kernel/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import type { Logger } from '../../platform/index.ts'
import { isPublicAddress } from '../../platform/internet/index.ts'
import { walletUrlOf } from './wallet-address.ts'
import { askWallet } from './wallet-query.ts'
import type { ZapSignerStatus, ZapSigners } from './zap-signers.ts'

export interface SignerLookupLimits {
  /** Recipients whose wallet is remembered; the one learnt first is forgotten first. */
  readonly maxRecipients: number
  /** Wallets whose answer is remembered. */
  readonly maxAnswers: number
  /** Wallets that wait to be asked; more are asked when they are met again. */
  readonly maxWaiting: number
  readonly maxAtOnce: number
  /** An answer is asked for again after so long, in milliseconds; a wallet that failed, too. */
  readonly answerMs: number
  readonly failureMs: number
}

export const DEFAULT_SIGNER_LOOKUP_LIMITS: SignerLookupLimits = {
  maxRecipients: 50_000,
  maxAnswers: 10_000,
  maxWaiting: 1_000,
  maxAtOnce: 4,
  answerMs: 24 * 3_600_000,
  failureMs: 3_600_000,
}

export interface SignerLookupDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: SignerLookupLimits
  /** Which IP addresses may be connected to; those of the public Internet when absent. */
  readonly isAllowedAddress?: (address: string) => boolean
  /** Where the wallet of a profile is asked; for tests, since a real one is always HTTPS on a public name. */
  readonly walletUrlOf?: (profileContent: string) => URL | undefined
}

export interface SignerLookups extends ZapSigners {
  /** Learns the wallet from an event of kind 0 that was verified; others mean nothing to it. */
  learn(event: NostrEvent): void
  stats(): SignerLookupStats
  stop(): Promise<void>
}

export interface SignerLookupStats {
  readonly recipients: number
  readonly answers: number
  readonly waiting: number
  readonly asked: number
  readonly failed: number
}

/**
 * Knows zap signers by asking the wallets that profiles name. A wallet is asked in the background when a zap to it is
 * met for the first time: that zap's signer is not known then, the later ones' is. Nobody is asked for whom there are no
 * zaps. Whoever makes this has been asked to: it tells wallets that somebody watches.
 */
export function openSignerLookups(deps: SignerLookupDeps): SignerLookups {
  return new WalletSigners(deps)
}

interface Wallet {
  readonly url: string
  readonly createdAt: number
}

interface Answer {
  /** Undefined: it names none, or did not answer. */
  readonly signer: string | undefined
  readonly untilMs: number
}

class WalletSigners implements SignerLookups {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #limits: SignerLookupLimits
  readonly #isAllowedAddress: (address: string) => boolean
  readonly #walletUrlOf: (profileContent: string) => URL | undefined
  readonly #wallets = new Map<string, Wallet>()
  readonly #answers = new Map<string, Answer>()
  /** In the order of their coming. */
  readonly #waiting = new Set<string>()
  readonly #asking = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  #asked = 0
  #failed = 0

  constructor(deps: SignerLookupDeps) {
    this.#clock = deps.clock
    this.#logger = deps.logger
    this.#limits = deps.limits ?? DEFAULT_SIGNER_LOOKUP_LIMITS
    this.#isAllowedAddress = deps.isAllowedAddress ?? isPublicAddress
    this.#walletUrlOf = deps.walletUrlOf ?? walletUrlOf
  }

  learn({ kind, pubkey, created_at, content }: NostrEvent): void {
    if (kind !== 0) return
    const known = this.#wallets.get(pubkey)
    if (known !== undefined && known.createdAt >= created_at) return
    const url = this.#walletUrlOf(content)?.href
    // A newer profile without a wallet takes the older one's back.
    this.#wallets.delete(pubkey)
    if (url !== undefined)
      remember(this.#wallets, this.#limits.maxRecipients, pubkey, { url, createdAt: created_at })
  }

  statusOf(recipient: string, signer: string): ZapSignerStatus {
    const url = this.#wallets.get(recipient)?.url
    if (url === undefined) return 'unknown'
    const answer = this.#answers.get(url)
    if (answer === undefined || answer.untilMs <= this.#clock.nowMs()) this.#want(url)
    if (answer?.signer === undefined) return 'unknown'
    return answer.signer === signer ? 'confirmed' : 'refused'
  }

  stats(): SignerLookupStats {
    return {
      recipients: this.#wallets.size,
      answers: this.#answers.size,
      waiting: this.#waiting.size + this.#asking.size,
      asked: this.#asked,
      failed: this.#failed,
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#waiting.clear()
    await Promise.all(this.#asking.values())
  }

  #want(url: string): void {
    if (this.#stop.signal.aborted || this.#asking.has(url) || this.#waiting.size >= this.#limits.maxWaiting)
      return
    this.#waiting.add(url)
    this.#next()
  }

  #next(): void {
    const [url] = this.#waiting
    if (url === undefined || this.#asking.size >= this.#limits.maxAtOnce) return
    this.#waiting.delete(url)
    const asking = this.#ask(url).finally(() => {
      this.#asking.delete(url)
      this.#next()
    })
    this.#asking.set(url, asking)
  }

  async #ask(url: string): Promise<void> {
    this.#asked++
    const { signal } = this.#stop
    try {
      const signer = await askWallet({ url: new URL(url), isAllowedAddress: this.#isAllowedAddress, signal })
      this.#remember(url, signer, this.#limits.answerMs)
    } catch (error) {
      // What was known of it stays until it answers again.
      this.#failed++
      const reason = error instanceof Error ? error.message : 'no answer'
      this.#logger.debug({ wallet: new URL(url).host, reason }, 'observatory.wallet_failed')
      this.#remember(url, this.#answers.get(url)?.signer, this.#limits.failureMs)
    }
  }

  #remember(url: string, signer: string | undefined, forMs: number): void {
    remember(this.#answers, this.#limits.maxAnswers, url, { signer, untilMs: this.#clock.nowMs() + forMs })
  }
}

/** Puts an entry last; the first one goes when there are too many. */
function remember<V>(map: Map<string, V>, max: number, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}
