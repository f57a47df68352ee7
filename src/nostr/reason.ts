/** The machine-readable prefixes of `OK`, `CLOSED` and `NEG-ERR` texts, and what each means. */
export const REASON_PREFIXES = {
  // NIP-01
  duplicate: 'It is already stored.',
  pow: 'Proof of work is missing or too little (NIP-13).',
  blocked: 'It is banned or deleted, or its author is: sending it again will not help.',
  'rate-limited': 'Too much or too fast: later it may be taken.',
  invalid: 'It is malformed, or outside the limits of format and time.',
  restricted: 'The key is known, but not allowed to do this.',
  mute: 'It was an ephemeral event, and nobody listened.',
  error: 'The relay could not do it, through no fault of the client.',
  // NIP-01, by example
  unsupported: 'It asks for something that this relay does not know.',
  // NIP-42
  'auth-required': 'The client must authenticate first.',
  // NIP-77
  closed: 'The synchronization is not open, or was ended for being idle.',
} as const

export type ReasonPrefix = keyof typeof REASON_PREFIXES

/** A text as NIP-01 wants it: `reason('invalid', 'bad id')` is `invalid: bad id`. */
export function reason(prefix: ReasonPrefix, text: string): string {
  return `${prefix}: ${text}`
}
