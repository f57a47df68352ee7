/** What retention needs to know of an event, read from its canonical bytes without parsing the rest. */

/** `{"id":"` */
const ID_AT = 7
const HEX_KEY = 64
/** Behind the id: `","pubkey":"` */
const PUBKEY_AT = ID_AT + HEX_KEY + 12
/** Behind the key: `","created_at":` */
const CREATED_AT_AT = PUBKEY_AT + HEX_KEY + 15
/** Two numbers of up to 16 and 5 digits and what stands between them end before that. */
const HEAD_BYTES = CREATED_AT_AT + 48
const NUMBERS = /^(\d+),"kind":(\d+),/

export interface EventHead {
  readonly id: string
  readonly pubkey: string
  /** Seconds. */
  readonly createdAt: number
  readonly kind: number
  /** Bytes of its JSON. */
  readonly byteLength: number
}

/**
 * Reads the beginning of an event as the store gives it: canonical, its members in the order of NIP-01 behind the id.
 *
 * @throws TypeError for anything else, which no store holds.
 */
export function readEventHead(json: Buffer): EventHead {
  const head = json.toString('latin1', 0, Math.min(json.length, HEAD_BYTES))
  const [, createdAt, kind] = NUMBERS.exec(head.slice(CREATED_AT_AT)) ?? []
  if (createdAt === undefined) throw new TypeError('These bytes are no event in canonical form.')
  return {
    id: head.slice(ID_AT, ID_AT + HEX_KEY),
    pubkey: head.slice(PUBKEY_AT, PUBKEY_AT + HEX_KEY),
    createdAt: Number(createdAt),
    kind: Number(kind),
    byteLength: json.length,
  }
}
