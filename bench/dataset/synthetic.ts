/**
 * Synthetic events with the proportions of a public relay: few authors write most, few notes draw most replies,
 * most events are short notes and reactions. Every event is signed and valid; a seed decides every byte.
 */
import { createHash } from 'node:crypto'
import { computeEventId, type NostrEvent } from '../../src/nostr/index.ts'
import { createRandom, createZipf, type Random } from './random.ts'
import type { Signer } from './signer.ts'
import { createWriter, type Writer } from './words.ts'

export interface SyntheticOptions {
  readonly seed: string
  readonly count: number
  /** `square`: the mix of a public relay. `notes`: only notes (kind 1), for live delivery. */
  readonly profile: 'square' | 'notes'
  /** Unix time of the newest event; the oldest lies 30 days before. */
  readonly endsAtSeconds: number
}

/** Authors of a dataset; how much each writes follows Zipf's law. */
export const AUTHOR_COUNT = 6000

const SPAN_SECONDS = 30 * 24 * 60 * 60
const ACTIVITY_EXPONENT = 0.9
const RECENT_NOTES = 3000
const SQUARE_MIX: readonly (readonly [kind: number, share: number])[] = [
  [1, 0.61],
  [7, 0.2],
  [6, 0.05],
  [9735, 0.05],
  [0, 0.03],
  [10002, 0.02],
  [1059, 0.02],
  [3, 0.01],
  [30023, 0.01],
]

interface Draft {
  readonly kind: number
  readonly tags: readonly (readonly string[])[]
  readonly content: string
}

interface Author {
  readonly secretKey: Uint8Array
  readonly pubkey: string
}

/** Yields `count` events in the order in which a relay would receive them. */
export function* syntheticEvents(options: SyntheticOptions, signer: Signer): Generator<NostrEvent> {
  const random = createRandom(`${options.seed}/${options.profile}`)
  const authors = createAuthors(options.seed, signer)
  const activeAuthor = createZipf(AUTHOR_COUNT, ACTIVITY_EXPONENT, random)
  const square = new Square(random, authors)
  for (let index = 0; index < options.count; index++) {
    const kind = options.profile === 'notes' ? 1 : drawKind(random)
    const draft = square.draft(kind)
    const author =
      kind === 1059 ? oneTimeAuthor(`${options.seed}/wrap/${index}`, signer) : authors[activeAuthor()]!
    const createdAt = options.endsAtSeconds - SPAN_SECONDS + delayedSeconds(random, index / options.count)
    const event = signDraft(draft, author, createdAt, signer)
    square.remember(event)
    yield event
  }
}

function drawKind(random: Random): number {
  let left = random.next()
  for (const [kind, share] of SQUARE_MIX) {
    left -= share
    if (left < 0) return kind
  }
  return 1
}

// Most events arrive within seconds of being signed, a few hours late: `created_at` mostly rises.
function delayedSeconds(random: Random, progress: number): number {
  const delay = random.chance(0.05) ? random.below(6 * 60 * 60) : random.below(30)
  return Math.max(0, Math.floor(progress * SPAN_SECONDS) - delay)
}

function createAuthors(seed: string, signer: Signer): readonly Author[] {
  return Array.from({ length: AUTHOR_COUNT }, (_, index) => oneTimeAuthor(`${seed}/author/${index}`, signer))
}

function oneTimeAuthor(name: string, signer: Signer): Author {
  const secretKey = createHash('sha256').update(name).digest()
  return { secretKey, pubkey: Buffer.from(signer.publicKey(secretKey)).toString('hex') }
}

function signDraft(draft: Draft, author: Author, createdAt: number, signer: Signer): NostrEvent {
  const unsigned = { ...draft, pubkey: author.pubkey, created_at: createdAt }
  const id = computeEventId(unsigned)
  const sig = Buffer.from(signer.sign(Buffer.from(id, 'hex'), author.secretKey)).toString('hex')
  return { id, ...unsigned, sig }
}

/** What was said so far, and who may answer it. */
class Square {
  readonly #random: Random
  readonly #writer: Writer
  readonly #authors: readonly Author[]
  readonly #popularAuthor: () => number
  readonly #recent: NostrEvent[] = []
  // Each answer adds its target once more, so the chance to be answered grows with the answers: a power law.
  readonly #answered: NostrEvent[] = []
  #noteCount = 0

  constructor(random: Random, authors: readonly Author[]) {
    this.#random = random
    this.#writer = createWriter(random)
    this.#authors = authors
    this.#popularAuthor = createZipf(authors.length, 1, random)
  }

  remember(event: NostrEvent): void {
    if (event.kind === 1) this.#recent[this.#noteCount++ % RECENT_NOTES] = event
  }

  draft(kind: number): Draft {
    switch (kind) {
      case 0:
        return this.#profile()
      case 3:
        return { kind, tags: this.#people(50 + this.#random.below(451)), content: '' }
      case 6:
        return this.#answer(kind, (target) => JSON.stringify(target))
      case 7:
        return this.#answer(kind, () => this.#random.pick(['+', '+', '+', '🤙', '❤️', '🔥', '-']))
      case 1059:
        return { kind, tags: this.#people(1), content: this.#ciphertext(900 + this.#random.below(1500)) }
      case 9735:
        return this.#zap()
      case 10002:
        return { kind, tags: this.#relays(3 + this.#random.below(6)), content: '' }
      case 30023:
        return this.#article()
      default:
        return this.#note()
    }
  }

  #note(): Draft {
    const target = this.#random.chance(0.55) ? this.#target() : undefined
    const tags: string[][] = []
    if (target !== undefined) {
      tags.push(['e', target.id, 'wss://relay.example.com', 'root', target.pubkey], ['p', target.pubkey])
      if (this.#random.chance(0.3)) tags.push(...this.#people(1 + this.#random.below(3)))
    }
    while (this.#random.chance(0.15)) tags.push(['t', this.#writer.hashtag()])
    return { kind: 1, tags, content: this.#writer.text(this.#length(120, 0.9, 4000)) }
  }

  #answer(kind: number, content: (target: NostrEvent) => string): Draft {
    const target = this.#target()
    if (target === undefined) return this.#note()
    const tags = [
      ['e', target.id, 'wss://relay.example.com'],
      ['p', target.pubkey],
    ]
    if (kind === 7) tags.push(['k', String(target.kind)])
    return { kind, tags, content: content(target) }
  }

  #zap(): Draft {
    const target = this.#target()
    if (target === undefined) return this.#note()
    const description = {
      kind: 9734,
      tags: [
        ['p', target.pubkey],
        ['amount', '21000'],
      ],
      content: '',
    }
    const tags = [
      ['p', target.pubkey],
      ['e', target.id],
      ['P', this.#someone()],
      ['bolt11', `lnbc210n1${this.#hex(280)}`],
      ['description', JSON.stringify({ id: this.#hex(64), ...description, sig: this.#hex(128) })],
      ['preimage', this.#hex(64)],
    ]
    return { kind: 9735, tags, content: '' }
  }

  #profile(): Draft {
    const content = {
      name: this.#writer.hashtag(),
      about: this.#writer.text(this.#length(80, 0.8, 600)),
      picture: `https://example.com/${this.#hex(16)}.png`,
      nip05: `${this.#writer.hashtag()}@example.com`,
      lud16: `${this.#writer.hashtag()}@wallet.example.com`,
    }
    return { kind: 0, tags: [], content: JSON.stringify(content) }
  }

  #article(): Draft {
    const tags = [
      ['d', this.#hex(12)],
      ['title', this.#writer.text(40)],
      ['summary', this.#writer.text(120)],
      ['t', this.#writer.hashtag()],
      ['t', this.#writer.hashtag()],
    ]
    return { kind: 30023, tags, content: this.#writer.text(this.#length(4000, 0.6, 20_000)) }
  }

  #relays(count: number): string[][] {
    return Array.from({ length: count }, () => ['r', `wss://relay${this.#random.below(400)}.example.com`])
  }

  #people(count: number): string[][] {
    const people = new Set<string>()
    while (people.size < count) people.add(this.#random.chance(0.7) ? this.#someone() : this.#anyone())
    return Array.from(people, (pubkey) => ['p', pubkey])
  }

  #someone(): string {
    return this.#authors[this.#popularAuthor()]!.pubkey
  }

  #anyone(): string {
    return this.#random.pick(this.#authors).pubkey
  }

  #target(): NostrEvent | undefined {
    if (this.#recent.length === 0) return undefined
    const again = this.#answered.length > 0 && this.#random.chance(0.6)
    const target = this.#random.pick(again ? this.#answered : this.#recent)
    this.#answered.push(target)
    return target
  }

  // Log-normal: lengths of real notes have this shape (median 120 characters, a tenth beyond 500).
  #length(median: number, spread: number, max: number): number {
    return Math.min(max, Math.round(median * Math.exp(spread * this.#random.normal())))
  }

  #hex(characters: number): string {
    let hex = ''
    while (hex.length < characters)
      hex += this.#random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return hex.slice(0, characters)
  }

  #ciphertext(bytes: number): string {
    return Buffer.from(this.#hex(2 * bytes), 'hex').toString('base64')
  }
}
