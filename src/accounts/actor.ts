import type { UsedApiKey } from '../audit/index.ts'

/** Who makes a change, as the audit log writes it down. Whoever calls has checked that this is so. */
export interface Actor {
  /** A public key in hex, `cli`, or the name of a part of the program. */
  readonly actor: string
  /** What they do it as: a role, `cli` or `system`. */
  readonly role: string
  /** With which API key of theirs; absent when they came themselves. */
  readonly apiKey?: UsedApiKey
}
