/** What a relay says, as JSON text ready to be sent (NIP-01, NIP-42, NIP-45). Texts carry their prefix. */

/** The answer to EVENT and AUTH. `text` may be empty only when `isAccepted`. */
export function okMessage(eventId: string, isAccepted: boolean, text: string): string {
  return JSON.stringify(['OK', eventId, isAccepted, text])
}

/** A stored or live event. `eventJson` is its canonical JSON (`encodeEvent`), put in as it is. */
export function eventMessage(subscriptionId: string, eventJson: string): string {
  return `["EVENT",${JSON.stringify(subscriptionId)},${eventJson}]`
}

/** End of stored events; live ones follow. */
export function eoseMessage(subscriptionId: string): string {
  return JSON.stringify(['EOSE', subscriptionId])
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

/** The answer to COUNT (NIP-45). */
export function countMessage(subscriptionId: string, count: number): string {
  return JSON.stringify(['COUNT', subscriptionId, { count }])
}
