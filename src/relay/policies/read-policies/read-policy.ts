import type { AuthLevel } from '../../auth-level.ts'

/** Who asks, with REQ, COUNT or NEG-OPEN. */
export interface ReadContext {
  /** `read` for REQ and NEG-OPEN. */
  readonly action: 'read' | 'count'
  /** Keys that the client has proved to hold (NIP-42). */
  readonly pubkeys: readonly string[]
  readonly level: AuthLevel
}
