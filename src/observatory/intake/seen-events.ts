import { FingerprintTable } from './fingerprint-table.ts'

/** What is written down of an event, so that an observation needs nothing else. */
export interface SeenEvent {
  readonly high: number
  readonly low: number
  readonly authorHigh: number
  readonly authorLow: number
  readonly createdAt: number
  readonly kind: number
  readonly client: string | undefined
  readonly zapMsat: bigint
  readonly isZapSignerChecked: boolean
  readonly language: number
  /** Only one relay has shown its author so far. */
  readonly isAuthorLone: boolean
}

/** Words of a row after the fingerprint. */
const AUTHOR_HIGH = 2
const AUTHOR_LOW = 3
const CREATED_AT = 4
/** 16 bits of kind, 16 of the client's number. */
const KIND_AND_CLIENT = 5
/** 8 bits of language, then flags. */
const LANGUAGE_AND_FLAGS = 6
/** Place in `zaps`, plus one; 0: none. */
const ZAP = 7
const WORDS = 8

const SIGNER_CHECKED = 1 << 8
const AUTHOR_LONE = 1 << 9
const MAX_CLIENTS = 0xffff

interface Generation {
  readonly table: FingerprintTable
  readonly clients: string[]
  readonly clientNumbers: Map<string, number>
  readonly zaps: bigint[]
}

export interface SeenEventsOptions {
  readonly maxEvents: number
  readonly rotateSeconds: number
}

/**
 * Events that were verified, by the first 64 bits of their id. Two generations: when the younger is full or old enough,
 * the older is forgotten, so an event is known for as long as one to two generations last. What is forgotten is
 * verified again; nothing is counted twice by it.
 *
 * `find` leaves the cursor on a row, which the getters read: no object for each of a hundred thousand look-ups a second.
 */
export class SeenEvents {
  readonly #options: SeenEventsOptions
  #younger: Generation
  #older: Generation | undefined
  #rotateAtSeconds: number
  #found: Generation
  #words: Uint32Array
  #at = 0

  constructor(options: SeenEventsOptions, nowSeconds: number) {
    this.#options = options
    this.#younger = this.#newGeneration()
    this.#found = this.#younger
    this.#words = this.#younger.table.words
    this.#rotateAtSeconds = nowSeconds + options.rotateSeconds
  }

  get count(): number {
    return this.#younger.table.count + (this.#older?.table.count ?? 0)
  }

  /** Puts the cursor on the row of that event; false when it is not known. */
  find(high: number, low: number): boolean {
    let at = this.#younger.table.find(high, low)
    if (at !== -1) this.#found = this.#younger
    else {
      if (this.#older === undefined) return false
      at = this.#older.table.find(high, low)
      if (at === -1) return false
      this.#found = this.#older
    }
    this.#words = this.#found.table.words
    this.#at = at
    return true
  }

  get high(): number {
    return this.#words[this.#at]!
  }

  get low(): number {
    return this.#words[this.#at + 1]!
  }

  get authorHigh(): number {
    return this.#words[this.#at + AUTHOR_HIGH]!
  }

  get authorLow(): number {
    return this.#words[this.#at + AUTHOR_LOW]!
  }

  get createdAt(): number {
    return this.#words[this.#at + CREATED_AT]!
  }

  get kind(): number {
    return this.#words[this.#at + KIND_AND_CLIENT]! & 0xffff
  }

  get client(): string | undefined {
    const number = this.#words[this.#at + KIND_AND_CLIENT]! >>> 16
    return number === 0 ? undefined : this.#found.clients[number - 1]
  }

  get language(): number {
    return this.#words[this.#at + LANGUAGE_AND_FLAGS]! & 0xff
  }

  get isZapSignerChecked(): boolean {
    return (this.#words[this.#at + LANGUAGE_AND_FLAGS]! & SIGNER_CHECKED) !== 0
  }

  get zapMsat(): bigint {
    const number = this.#words[this.#at + ZAP]!
    return number === 0 ? 0n : this.#found.zaps[number - 1]!
  }

  get isAuthorLone(): boolean {
    return (this.#words[this.#at + LANGUAGE_AND_FLAGS]! & AUTHOR_LONE) !== 0
  }

  /** Another relay has shown the author too. */
  noteAuthorShared(): void {
    this.#words[this.#at + LANGUAGE_AND_FLAGS]! &= ~AUTHOR_LONE
  }

  /** Writes an event down that is not known and has been verified, and puts the cursor on it. */
  add(event: SeenEvent, nowSeconds: number): void {
    if (this.#younger.table.isFull || nowSeconds >= this.#rotateAtSeconds) this.#rotate(nowSeconds)
    const generation = this.#younger
    const { words } = generation.table
    const at = generation.table.add(event.high, event.low)
    words[at + AUTHOR_HIGH] = event.authorHigh
    words[at + AUTHOR_LOW] = event.authorLow
    words[at + CREATED_AT] = event.createdAt
    words[at + KIND_AND_CLIENT] = event.kind | (clientNumber(generation, event.client) << 16)
    words[at + LANGUAGE_AND_FLAGS] =
      event.language |
      (event.isZapSignerChecked ? SIGNER_CHECKED : 0) |
      (event.isAuthorLone ? AUTHOR_LONE : 0)
    words[at + ZAP] = event.zapMsat === 0n ? 0 : generation.zaps.push(event.zapMsat)
    this.#found = generation
    this.#words = words
    this.#at = at
  }

  #rotate(nowSeconds: number): void {
    const next = this.#older ?? this.#newGeneration()
    next.table.clear()
    next.clients.length = 0
    next.clientNumbers.clear()
    next.zaps.length = 0
    this.#older = this.#younger
    this.#younger = next
    this.#rotateAtSeconds = nowSeconds + this.#options.rotateSeconds
  }

  #newGeneration(): Generation {
    const table = new FingerprintTable(this.#options.maxEvents, WORDS)
    return { table, clients: [], clientNumbers: new Map(), zaps: [] }
  }
}

/** Names belong to a generation, so that invented ones are forgotten with it. 0 when there is none, or no room for it. */
function clientNumber({ clients, clientNumbers }: Generation, name: string | undefined): number {
  if (name === undefined) return 0
  const known = clientNumbers.get(name)
  if (known !== undefined) return known
  if (clients.length === MAX_CLIENTS) return 0
  const number = clients.push(name)
  clientNumbers.set(name, number)
  return number
}
