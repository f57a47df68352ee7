import { isEphemeral, isReplaceable, KINDS, type NostrEvent } from '../../nostr/index.ts'
import { MAX_READABLE_UNITS } from './words.ts'

/** What search looks at of an event. */
export type SearchableEvent = Pick<NostrEvent, 'kind' | 'tags' | 'content'>

/** A piece of text of an event. Phrases do not reach from one piece into the next. */
export interface SearchablePiece {
  readonly text: string
  /** How many times a word in it counts. */
  readonly weight: number
}

const TITLE_WEIGHT = 3
const TEXT_WEIGHT = 1

const TITLE_TAGS: ReadonlySet<string> = new Set(['title', 'subject', 'name'])
const TEXT_TAGS: ReadonlySet<string> = new Set(['summary', 'description', 't'])

/** Encrypted, or not text: follow lists, reposts (the original is found), reactions, receipts, data of applications. */
const UNSEARCHED_KINDS: ReadonlySet<number> = new Set([
  KINDS.FOLLOWS,
  KINDS.ENCRYPTED_DIRECT_MESSAGE,
  KINDS.DELETION,
  KINDS.REPOST,
  7, // reaction (NIP-25)
  13, // seal (NIP-59)
  14, // chat message (NIP-17)
  15, // file message (NIP-17)
  KINDS.GENERIC_REPOST,
  17, // reaction to a website (NIP-25)
  KINDS.VANISH,
  // Groups of MLS.
  443,
  444,
  445,
  KINDS.GIFT_WRAP,
  // Wallet (NIP-60).
  7374,
  7375,
  7376,
  // Zaps (NIP-57).
  9734,
  9735,
  30078, // data of applications (NIP-78)
  31234, // drafts (NIP-37)
])

/** Sets (NIP-51) whose content is their private part, encrypted. Their titles are for everybody. */
const SET_KINDS: ReadonlySet<number> = new Set([
  30000, 30001, 30002, 30003, 30004, 30005, 30006, 30007, 30015, 30030, 30063, 30267, 39089, 39092,
])

/** The text of an event that a search (NIP-50) looks into; nothing for kinds that are encrypted or no text. */
export function searchablePieces(event: SearchableEvent): readonly SearchablePiece[] {
  if (!isSearched(event)) return NOTHING
  if (event.kind === KINDS.METADATA) return bounded(profilePieces(event.content))
  const pieces: SearchablePiece[] = []
  for (const [name = '', value = ''] of event.tags) {
    if (value === '') continue
    if (TITLE_TAGS.has(name)) pieces.push({ text: value, weight: TITLE_WEIGHT })
    else if (TEXT_TAGS.has(name)) pieces.push({ text: value, weight: TEXT_WEIGHT })
  }
  const hasPrivateContent = isReplaceable(event.kind) || SET_KINDS.has(event.kind)
  if (!hasPrivateContent) pieces.push({ text: event.content, weight: TEXT_WEIGHT })
  return bounded(pieces)
}

/** Can an event of this kind be found by its words at all? */
export function isSearchedKind(kind: number): boolean {
  return !UNSEARCHED_KINDS.has(kind) && !isEphemeral(kind)
}

function isSearched({ kind, tags }: SearchableEvent): boolean {
  // Requests to and answers of data vending machines (NIP-90) say so when they are encrypted.
  return isSearchedKind(kind) && !tags.some(([name]) => name === 'encrypted')
}

/** The members of a profile (NIP-01, NIP-24) that people search for. One that is no JSON object has none. */
function profilePieces(content: string): readonly SearchablePiece[] {
  const profile = parseObject(content)
  return PROFILE_MEMBERS.flatMap(({ name, weight }) => {
    const text = profile[name]
    return typeof text === 'string' && text !== '' ? [{ text, weight }] : []
  })
}

const PROFILE_MEMBERS = [
  { name: 'name', weight: TITLE_WEIGHT },
  { name: 'display_name', weight: TITLE_WEIGHT },
  { name: 'nip05', weight: TITLE_WEIGHT },
  { name: 'about', weight: TEXT_WEIGHT },
] as const

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    // What JSON.parse calls an object has string keys and values that nobody knows.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Of one event, all pieces together, no more than of one long piece. */
function bounded(pieces: readonly SearchablePiece[]): readonly SearchablePiece[] {
  let left = MAX_READABLE_UNITS
  const kept: SearchablePiece[] = []
  for (const { text, weight } of pieces) {
    if (left <= 0) break
    kept.push({ text: text.length <= left ? text : text.slice(0, left), weight })
    left -= text.length
  }
  return kept
}

const NOTHING: readonly SearchablePiece[] = []
