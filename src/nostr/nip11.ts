/** The relay information document (NIP-11), as far as this relay fills it in. */
export interface RelayInformation {
  /** Fewer than 30 characters. */
  readonly name?: string
  readonly description?: string
  /** URL of an image. */
  readonly banner?: string
  /** URL of an image. */
  readonly icon?: string
  /** The operator's key, hex. */
  readonly pubkey?: string
  /** The relay's own key, hex, with which it signs its own events. */
  readonly self?: string
  /** URI such as `mailto:`. */
  readonly contact?: string
  /** Ascending. */
  readonly supported_nips: readonly number[]
  /** URL of the project. */
  readonly software?: string
  readonly version?: string
  /** URL. */
  readonly terms_of_service?: string
  readonly limitation?: RelayLimitation
  /** URL; only when something costs. */
  readonly payments_url?: string
  readonly fees?: RelayFees
}

/** Every number given here is enforced at its boundary. */
export interface RelayLimitation {
  /** Bytes of UTF-8 of one WebSocket message. */
  readonly max_message_length?: number
  readonly max_subscriptions?: number
  /** A higher limit of a filter is lowered to this. */
  readonly max_limit?: number
  /** For a filter without one. */
  readonly default_limit?: number
  /** In Unicode characters. */
  readonly max_subid_length?: number
  readonly max_event_tags?: number
  /** In Unicode characters. */
  readonly max_content_length?: number
  /** In leading zero bits (NIP-13). */
  readonly min_pow_difficulty?: number
  /** True when nothing works before NIP-42 AUTH. */
  readonly auth_required?: boolean
  /** True when nothing works before a payment. */
  readonly payment_required?: boolean
  /** True when only some may write, beyond measures against spam. */
  readonly restricted_writes?: boolean
  /** Seconds that `created_at` may lie back. */
  readonly created_at_lower_limit?: number
  /** Seconds that `created_at` may lie ahead. */
  readonly created_at_upper_limit?: number
}

export interface RelayFees {
  readonly admission?: readonly RelayFee[]
  readonly subscription?: readonly RelayFee[]
  readonly publication?: readonly RelayFee[]
}

export interface RelayFee {
  readonly amount: number
  /** `msats`, `sats`. */
  readonly unit: string
  /** In seconds. */
  readonly period?: number
  readonly kinds?: readonly number[]
}

export const RELAY_INFORMATION_MEDIA_TYPE = 'application/nostr+json'

/** Does this `Accept` header name the relay information document, alone or in a list? */
export function isRelayInformationRequest(acceptHeader: string | undefined): boolean {
  if (acceptHeader === undefined) return false
  return acceptHeader.split(',').some((range) => mediaTypeOf(range) === RELAY_INFORMATION_MEDIA_TYPE)
}

/** A media range without its parameters. */
function mediaTypeOf(range: string): string {
  const [mediaType = ''] = range.split(';', 1)
  return mediaType.trim().toLowerCase()
}
