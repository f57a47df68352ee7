/**
 * The body of a row of the journal: a version, the parties that it tells of, and its entries, which name parties by their
 * place. Big-endian. Integers have fixed lengths, so that writing one packet down costs a microsecond.
 */
import { AppError, ASSETS, type Asset } from '../../kernel/index.ts'
import type { PacketId, PacketIntent } from '../books.ts'
import { type OerReader, readOer } from '../packet/index.ts'
import { accountParty, type Party, peerParty } from './parties.ts'

export interface IntentEntry {
  readonly kind: 'intent'
  readonly from: Party
  readonly to: Party
  readonly intent: PacketIntent
}

export interface FulfilledEntry {
  readonly kind: 'fulfilled'
  readonly from: Party
  readonly to: Party
  readonly id: PacketId
  readonly incomingId: PacketId
  readonly incomingAmount: bigint
  readonly incomingExpiresAtMs: number
  readonly fulfillment: Buffer
}

export interface EndedEntry {
  /** `ended`: it came to nothing. `given-up`: it will not be passed on, but the peer is still asked. */
  readonly kind: 'ended' | 'given-up'
  readonly to: Party
  readonly id: PacketId
}

export interface WrittenOffEntry {
  readonly kind: 'written-off'
  readonly from: Party
  readonly incomingId: PacketId
  readonly incomingAmount: bigint
  readonly incomingExpiresAtMs: number
}

export type JournalEntry = IntentEntry | FulfilledEntry | EndedEntry | WrittenOffEntry

const VERSION = 1
const KIND = { intent: 1, fulfilled: 2, ended: 3, 'given-up': 4, 'written-off': 5 } as const
const PARTY = { peer: 1, account: 2 } as const
const ID_BYTES = 16
const HASH_BYTES = 32
const TIME_BYTES = 6
/** Of the largest entry, an intent. */
const MAX_ENTRY_BYTES = 1 + 2 + 2 + 2 * ID_BYTES + 3 * 8 + 2 * TIME_BYTES + HASH_BYTES
const FIRST_BYTES = 4_096
/** Stands for no id. */
const NO_ID = '0'.repeat(2 * ID_BYTES)
/** Entries name parties by two bytes. */
export const MAX_PARTIES = 0xffff

/** Gathers entries of one row in a buffer that grows. An entry that cannot be written leaves it as it was. */
export class JournalWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #end = 0
  #at = 0
  readonly #parties: Party[] = []
  readonly #places = new Map<string, number>()
  #answersFromMs = Number.POSITIVE_INFINITY
  #answersUntilMs = Number.NEGATIVE_INFINITY
  #hasLosses = false

  /** Of the entries alone. */
  get byteLength(): number {
    return this.#end
  }

  get parties(): number {
    return this.#parties.length
  }

  /** The earliest and the latest expiry of packets from peers that were fulfilled or written off. */
  get answers(): { readonly fromMs: number; readonly untilMs: number } | undefined {
    const [fromMs, untilMs] = [this.#answersFromMs, this.#answersUntilMs]
    return fromMs <= untilMs ? { fromMs, untilMs } : undefined
  }

  get hasLosses(): boolean {
    return this.#hasLosses
  }

  intent(intent: PacketIntent, from: Party, to: Party): void {
    this.#start(KIND.intent)
    this.#party(from)
    this.#party(to)
    this.#id(intent.id)
    this.#id(intent.incomingId)
    this.#amount(intent.incomingAmount)
    this.#amount(intent.outgoingAmount)
    this.#amount(intent.marginAmount ?? 0n)
    this.#time(intent.incomingExpiresAtMs)
    this.#time(intent.outgoingExpiresAtMs)
    this.#hash(intent.executionCondition)
    this.#end = this.#at
  }

  fulfilled(intent: PacketIntent, from: Party, to: Party, fulfillment: Buffer): void {
    this.#start(KIND.fulfilled)
    this.#party(from)
    this.#party(to)
    this.#id(intent.id)
    this.#id(intent.incomingId)
    this.#amount(intent.incomingAmount)
    this.#time(intent.incomingExpiresAtMs)
    this.#hash(fulfillment)
    this.#end = this.#at
    if (from.party.kind === 'peer') this.#noteAnswer(intent.incomingExpiresAtMs)
  }

  ended(kind: 'ended' | 'given-up', id: PacketId, to: Party): void {
    this.#start(KIND[kind])
    this.#party(to)
    this.#id(id)
    this.#end = this.#at
  }

  writtenOff({ from, incomingId, incomingAmount, incomingExpiresAtMs }: Omit<WrittenOffEntry, 'kind'>): void {
    this.#start(KIND['written-off'])
    this.#party(from)
    this.#id(incomingId)
    this.#amount(incomingAmount)
    this.#time(incomingExpiresAtMs)
    this.#end = this.#at
    this.#noteAnswer(incomingExpiresAtMs)
    this.#hasLosses = true
  }

  /** The whole body. */
  body(): Buffer {
    return Buffer.concat([partiesHead(this.#parties), this.#bytes.subarray(0, this.#end)])
  }

  #start(kind: number): void {
    if (this.#end + MAX_ENTRY_BYTES > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(this.#bytes.length * 2)
      this.#bytes.copy(grown, 0, 0, this.#end)
      this.#bytes = grown
    }
    this.#at = this.#bytes.writeUInt8(kind, this.#end)
  }

  #party(party: Party): void {
    let place = this.#places.get(party.key)
    if (place === undefined) {
      place = this.#parties.push(party) - 1
      this.#places.set(party.key, place)
    }
    this.#at = this.#bytes.writeUInt16BE(place, this.#at)
  }

  #id(id: PacketId): void {
    const written = this.#bytes.write(id === '' ? NO_ID : id, this.#at, ID_BYTES, 'hex')
    if (written !== ID_BYTES) throw new AppError('INTERNAL', 'the id of a packet has 16 bytes as hex')
    this.#at += ID_BYTES
  }

  #amount(amount: bigint): void {
    this.#at = this.#bytes.writeBigUInt64BE(amount, this.#at)
  }

  #time(ms: number): void {
    this.#at = this.#bytes.writeUIntBE(ms, this.#at, TIME_BYTES)
  }

  #hash(hash: Buffer): void {
    if (hash.length !== HASH_BYTES) throw new AppError('INTERNAL', `a hash has 32 bytes, not ${hash.length}`)
    this.#at += hash.copy(this.#bytes, this.#at)
  }

  #noteAnswer(expiresAtMs: number): void {
    this.#answersFromMs = Math.min(this.#answersFromMs, expiresAtMs)
    this.#answersUntilMs = Math.max(this.#answersUntilMs, expiresAtMs)
  }
}

function partiesHead(parties: readonly Party[]): Buffer {
  const head = Buffer.from([VERSION, parties.length >> 8, parties.length & 0xff])
  return Buffer.concat([head, ...parties.map(encodeParty)])
}

function encodeParty({ party, account }: Party): Buffer {
  const name = party.kind === 'peer' ? party.peerId : account.path
  return Buffer.concat([
    Buffer.from([PARTY[party.kind], account.asset.length]),
    Buffer.from(account.asset),
    Buffer.from([name.length]),
    Buffer.from(name),
  ])
}

/** @throws AppError ILP_JOURNAL_DAMAGED for what `JournalWriter` has not written. */
export function decodeJournalBody(body: Buffer): readonly JournalEntry[] {
  const decoded = readOer(body, (reader) => {
    const version = reader.uint8()
    if (version !== VERSION) return reader.fail(`its version is ${version}`)
    const parties = Array.from({ length: reader.uint16() }, () => decodeParty(reader))
    const entries: JournalEntry[] = []
    while (reader.left > 0) entries.push(decodeEntry(reader, parties))
    return entries
  })
  if (decoded.ok) return decoded.value
  throw new AppError('ILP_JOURNAL_DAMAGED', `A row of the packet journal cannot be read: ${decoded.refusal}.`)
}

function decodeParty(reader: OerReader): Party {
  const kind = reader.uint8()
  const asset = readAsset(reader)
  const name = reader.octets(reader.uint8()).toString()
  if (kind === PARTY.peer) return peerParty(name, asset)
  return kind === PARTY.account ? accountParty({ path: name, asset }) : reader.fail(`${kind} is no party`)
}

function readAsset(reader: OerReader): Asset {
  const asset = reader.octets(reader.uint8()).toString()
  return isAsset(asset) ? asset : reader.fail(`${asset} is no asset`)
}

function isAsset(text: string): text is Asset {
  return Object.hasOwn(ASSETS, text)
}

function decodeEntry(reader: OerReader, parties: readonly Party[]): JournalEntry {
  const kind = reader.uint8()
  const party = () => parties[reader.uint16()] ?? reader.fail('a party is not there')
  switch (kind) {
    case KIND.intent:
      return decodeIntent(reader, party(), party())
    case KIND.fulfilled:
      return {
        kind: 'fulfilled',
        from: party(),
        to: party(),
        id: readId(reader),
        incomingId: readId(reader),
        incomingAmount: reader.uint64(),
        incomingExpiresAtMs: readTime(reader),
        fulfillment: Buffer.from(reader.octets(HASH_BYTES)),
      }
    case KIND.ended:
      return { kind: 'ended', to: party(), id: readId(reader) }
    case KIND['given-up']:
      return { kind: 'given-up', to: party(), id: readId(reader) }
    case KIND['written-off']:
      return {
        kind: 'written-off',
        from: party(),
        incomingId: readId(reader),
        incomingAmount: reader.uint64(),
        incomingExpiresAtMs: readTime(reader),
      }
    default:
      return reader.fail(`${kind} is no entry`)
  }
}

function decodeIntent(reader: OerReader, from: Party, to: Party): IntentEntry {
  const intent: PacketIntent = {
    from: from.party,
    to: to.party,
    id: readId(reader),
    incomingId: readId(reader),
    incomingAmount: reader.uint64(),
    outgoingAmount: reader.uint64(),
    marginAmount: reader.uint64(),
    incomingExpiresAtMs: readTime(reader),
    outgoingExpiresAtMs: readTime(reader),
    // A copy: a view would keep the whole row in memory.
    executionCondition: Buffer.from(reader.octets(HASH_BYTES)),
  }
  return { kind: 'intent', from, to, intent }
}

function readId(reader: OerReader): PacketId {
  const id = reader.octets(ID_BYTES).toString('hex')
  return id === NO_ID ? '' : id
}

function readTime(reader: OerReader): number {
  return reader.octets(TIME_BYTES).readUIntBE(0, TIME_BYTES)
}
