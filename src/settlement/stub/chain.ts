/**
 * The chain of the stub rail: an append-only file of lines that any number of processes write to and read, each working
 * out the same state from it. A line is appended by one write, so lines do not mix. Not a ledger to keep money in.
 */
import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { type StubBlock, StubState } from './ledger-state.ts'
import { type DecodedTransaction, decodeTransaction, isClaimOf } from './transactions.ts'

export interface StubChain {
  /** Two files of the same name are the same chain to a signature. */
  readonly name: string
  readonly asset: string
  /** As of the last line in the file. */
  read(): StubView
  /** Puts a signed transaction among those that wait for a block. What is malformed is dropped. */
  submit(bytes: Buffer): void
  /** Money from nowhere. */
  mint(to: string, amount: bigint): void
  /** Makes a block of what waits. */
  mine(timeMs: number): void
  /** The last `blocks` never were; what they held waits again. */
  reorg(blocks: number): void
  /** Forgets everything that waits, as a node with a full memory does. */
  forgetWaiting(): void
}

export interface StubView {
  readonly state: StubState
  /** Ids of what waits for a block. */
  readonly waiting: ReadonlySet<string>
}

/** Read at once. */
const READ_BYTES = 64 * 1024
/** Transactions that wait; more are dropped. */
const MAX_WAITING = 10_000

export function openStubChain(
  path: string,
  { name = 'stub', asset }: { name?: string; asset: string },
): StubChain {
  const replay = new Replay(name, asset)
  const file = new LineReader(path)
  const append = (...words: readonly (string | number | bigint)[]) => {
    appendFileSync(path, `${words.join(' ')}\n`)
  }
  return {
    name,
    asset,
    read() {
      for (const line of file.newLines()) replay.take(line)
      return replay.view()
    },
    submit: (bytes) => append('tx', bytes.toString('base64')),
    mint: (to, amount) => append('mint', to, amount),
    mine: (timeMs) => append('block', timeMs),
    reorg: (blocks) => append('reorg', blocks),
    forgetWaiting: () => append('forget'),
  }
}

/** The lines that have come since it was asked last. A last line without its end is left for the next time. */
class LineReader {
  readonly #path: string
  #offset = 0

  constructor(path: string) {
    this.#path = path
  }

  newLines(): readonly string[] {
    if (!existsSync(this.#path)) return []
    const file = openSync(this.#path, 'r')
    try {
      const text = this.#readFrom(file)
      const end = text.lastIndexOf('\n')
      this.#offset += Buffer.byteLength(text.slice(0, end + 1))
      return text
        .slice(0, end + 1)
        .split('\n')
        .filter(Boolean)
    } finally {
      closeSync(file)
    }
  }

  #readFrom(file: number): string {
    const parts: Buffer[] = []
    for (let at = this.#offset; at < fstatSync(file).size; ) {
      const part = Buffer.alloc(READ_BYTES)
      const length = readSync(file, part, 0, part.length, at)
      parts.push(part.subarray(0, length))
      at += length
    }
    return Buffer.concat(parts).toString('latin1')
  }
}

class Replay {
  readonly #chain: string
  readonly #asset: string
  readonly #mints: { readonly to: string; readonly amount: bigint }[] = []
  readonly #blocks: StubBlock[] = []
  #waiting = new Map<string, DecodedTransaction>()
  #state = new StubState()

  constructor(chain: string, asset: string) {
    this.#chain = chain
    this.#asset = asset
  }

  view(): StubView {
    return { state: this.#state, waiting: new Set(this.#waiting.keys()) }
  }

  take(line: string): void {
    const [verb, first = '', second = ''] = line.split(' ')
    if (verb === 'mint') this.#mint(first, BigInt(second))
    else if (verb === 'tx') this.#wait(Buffer.from(first, 'base64'))
    else if (verb === 'block') this.#mine(Number(first))
    else if (verb === 'reorg') this.#reorg(Number(first))
    else if (verb === 'forget') this.#waiting = new Map()
  }

  #mint(to: string, amount: bigint): void {
    this.#mints.push({ to, amount })
    this.#state.mint(to, amount)
  }

  #wait(bytes: Buffer): void {
    const decoded = decodeTransaction(bytes, this.#chain)
    if (decoded === undefined || this.#state.results.has(decoded.id)) return
    if (this.#waiting.size < MAX_WAITING) this.#waiting.set(decoded.id, decoded)
  }

  #mine(timeMs: number): void {
    const block = { timeMs, transactions: this.#ready() }
    for (const { id } of block.transactions) this.#waiting.delete(id)
    this.#blocks.push(block)
    this.#state.apply(block)
    for (const [id, { transaction }] of this.#waiting) {
      const isDead =
        transaction.number < this.#state.nextNumberOf(transaction.from) ||
        transaction.lastBlock <= this.#state.height
      if (isDead) this.#waiting.delete(id)
    }
  }

  /** What waits and is next in its account's count, again and again until nothing more is. */
  #ready(): readonly DecodedTransaction[] {
    const next = new Map<string, number>()
    const ready = new Set<DecodedTransaction>()
    let before = -1
    while (ready.size > before) {
      before = ready.size
      for (const decoded of this.#waiting.values()) {
        const { from, number, lastBlock } = decoded.transaction
        const expected = next.get(from) ?? this.#state.nextNumberOf(from)
        if (number !== expected || lastBlock <= this.#state.height || !this.#isClaimGood(decoded)) continue
        ready.add(decoded)
        next.set(from, number + 1)
      }
    }
    return [...ready]
  }

  #isClaimGood({ transaction: { action } }: DecodedTransaction): boolean {
    if ((action.kind !== 'redeem' && action.kind !== 'close') || action.best === undefined) return true
    const channel = this.#state.channels.get(action.channelId)
    if (channel === undefined) return false
    const of = { chain: this.#chain, channelId: action.channelId, asset: this.#asset, payer: channel.payer }
    return isClaimOf(action.best, of)
  }

  #reorg(count: number): void {
    const undone = this.#blocks.splice(Math.max(0, this.#blocks.length - count))
    this.#state = new StubState()
    for (const { to, amount } of this.#mints) this.#state.mint(to, amount)
    for (const block of this.#blocks) this.#state.apply(block)
    const again = undone.flatMap(({ transactions }) => transactions).map((one) => [one.id, one] as const)
    this.#waiting = new Map([...again, ...this.#waiting])
  }
}
