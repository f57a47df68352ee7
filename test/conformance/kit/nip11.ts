/** What the relay says about itself (NIP-11), as far as the rows adapt to it. */
import { httpRequest } from './http.ts'

export interface RelayInfo {
  /** The document itself; undefined when the relay serves none. */
  readonly document: Readonly<Record<string, unknown>> | undefined
  readonly name: string
  readonly software: string
  readonly version: string
  readonly nips: ReadonlySet<number>
  readonly isAuthRequired: boolean
  readonly isPaymentRequired: boolean
  readonly areWritesRestricted: boolean
  /** Numbers of `limitation`; undefined when not advertised. */
  limit(name: LimitName): number | undefined
}

export type LimitName =
  | 'max_message_length'
  | 'max_subscriptions'
  | 'max_subid_length'
  | 'max_limit'
  | 'default_limit'
  | 'max_event_tags'
  | 'max_content_length'
  | 'min_pow_difficulty'
  | 'created_at_lower_limit'
  | 'created_at_upper_limit'

/** Reads the document. Throws when the address does not answer HTTP at all. */
export async function readRelayInfo(url: string): Promise<RelayInfo> {
  const { status, body } = await httpRequest(url, { headers: { accept: 'application/nostr+json' } })
  return relayInfoOf(status === 200 ? parseObject(body) : undefined)
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The value when it is a plain JSON object. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : undefined
}

function relayInfoOf(document: Record<string, unknown> | undefined): RelayInfo {
  const limitation = asObject(document?.limitation) ?? {}
  const nips = Array.isArray(document?.supported_nips) ? document.supported_nips : []
  return {
    document,
    name: text(document?.name),
    software: text(document?.software),
    version: text(document?.version),
    nips: new Set(nips.filter((nip) => Number.isInteger(nip))),
    isAuthRequired: limitation.auth_required === true,
    isPaymentRequired: limitation.payment_required === true,
    areWritesRestricted: limitation.restricted_writes === true,
    limit: (name) => {
      const value = limitation[name]
      return typeof value === 'number' ? value : undefined
    },
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
