/** How long a packet matters to anybody. */

/**
 * A packet that expires later than this is not taken: it would be unexpired when nobody remembers it any more, and the
 * journal is searched by the times at which packets expire. Senders take half a minute; the rest is for their clocks.
 */
export const MAX_EXPIRY_AHEAD_MS = 300_000
/** So long behind its expiry nobody upstream takes an answer to a packet, by any clock. */
export const MUTE_MS = 1_000
