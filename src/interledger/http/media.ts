/** What goes over HTTP: packets (RFC-0035), and beside them questions of our own. */

export const PACKET_MEDIA_TYPE = 'application/octet-stream'
/** Nobody else knows it: who does not, refuses a question before taking it for a packet. */
export const ASK_MEDIA_TYPE = 'application/vnd.stoa.ask'
/** Header that names the protocol of a question. */
export const ASK_HEADER = 'stoa-protocol'
/** A packet with 32 KiB of data fits twice; so does a page of a reconciliation. */
export const MAX_BODY_BYTES = 128 * 1024

export function isMediaType(header: string | undefined, type: string): boolean {
  return header?.split(';')[0]?.trim().toLowerCase() === type
}
