/**
 * What a relay says, as JSON text ready to be sent (NIP-01, NIP-42, NIP-45, NIP-67, NIP-77). Texts carry their
 * prefix.
 */

/** The answer to EVENT and AUTH. `text` may be empty only when `isAccepted`. */
export function okMessage(eventId: string, isAccepted: boolean, text: string): string {
  return JSON.stringify(['OK', eventId, isAccepted, text])
}

/** A stored or live event. `eventJson` is its canonical JSON (`encodeEvent`), put in as it is. */
export function eventMessage(subscriptionId: string, eventJson: string): string {
  return `["EVENT",${JSON.stringify(subscriptionId)},${eventJson}]`
}

/** Whether stored events are left that match and were not sent (NIP-67). */
export type EoseHint =
  /** None: everything that there is was sent. */
  | 'finish'
  /** Some, because of a limit. */
  | 'more'

/** End of stored events; live ones follow. Without a hint nothing is said of what is left. */
export function eoseMessage(subscriptionId: string, hint?: EoseHint): string {
  return JSON.stringify(hint === undefined ? ['EOSE', subscriptionId] : ['EOSE', subscriptionId, [hint]])
}

/** The relay ended or refused a subscription, or refused a COUNT. */
export function closedMessage(subscriptionId: string, text: string): string {
  return JSON.stringify(['CLOSED', subscriptionId, text])
}

/** For people; for what has no id to answer with. */
export function noticeMessage(text: string): string {
  return JSON.stringify(['NOTICE', text])
}

/** The challenge of NIP-42. */
export function authMessage(challenge: string): string {
  return JSON.stringify(['AUTH', challenge])
}

/** What a count may say besides the number (NIP-45). */
export interface CountExtras {
  /** The registers, as `hyperLogLogHex` writes them. */
  readonly hll?: string
  /** The number is an estimate. Not said when false. */
  readonly approximate?: boolean
}

/** The answer to COUNT (NIP-45). */
export function countMessage(
  subscriptionId: string,
  count: number,
  { hll, approximate = false }: CountExtras = {},
): string {
  // Members that are undefined are not written.
  const result = { count, approximate: approximate ? true : undefined, hll }
  return JSON.stringify(['COUNT', subscriptionId, result])
}

/** One message of a set reconciliation (NIP-77). */
export function negMessage(subscriptionId: string, message: Uint8Array): string {
  const hex = Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('hex')
  return `["NEG-MSG",${JSON.stringify(subscriptionId)},"${hex}"]`
}

/**
 * The relay refused a set reconciliation, or ended it (NIP-77).
 *
 * @param maxRecords how many events a set may have, when it had too many.
 */
export function negErrorMessage(subscriptionId: string, text: string, maxRecords?: number): string {
  const message = ['NEG-ERR', subscriptionId, text]
  return JSON.stringify(maxRecords === undefined ? message : [...message, maxRecords])
}
