/** With whom is settled: peers of the Interledger node, and accounts of other accounting systems (RFC-0038). */
import type { Asset } from '../kernel/index.ts'
import type { Tx } from './tables.ts'

export interface PartyTerms {
  /** Unique among its source; a segment of account paths. */
  readonly name: string
  readonly asset: Asset
  /** Undefined when nothing is settled with it. */
  readonly rail: string | undefined
  /** We pay when we owe more than this … */
  readonly threshold: bigint
  /** … until we owe this. */
  readonly target: bigint
}

/** A kind of parties. A party is named `<kind>/<name>`, and its account in the ledger is `assets/<kind>/<name>`. */
export interface PartySource {
  readonly kind: string
  /** `find` and `list` throw when it cannot be told now: what came in is credited later then, and not to nobody. */
  find(name: string): PartyTerms | undefined
  list(): readonly PartyTerms[]
  /** A question to the party's own settlement; undefined when there is no answer in time. Rejects never. */
  ask(name: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined>
  /** Its balance has changed by a settlement: positive when it owes us more. After the commit. */
  onBooked(name: string, change: bigint): void
  /** In the transaction that credits it with something that it has paid. */
  receivedIn?(
    tx: Tx,
    name: string,
    received: { readonly key: string; readonly amount: bigint },
  ): Promise<void>
}

/** All sources as one. */
export class Parties {
  readonly #sources: ReadonlyMap<string, PartySource>

  constructor(sources: readonly PartySource[]) {
    this.#sources = new Map(sources.map((source) => [source.kind, source]))
  }

  find(party: string): PartyTerms | undefined {
    const { source, name } = this.#split(party)
    return source?.find(name)
  }

  /** Names of all that settle by the rail. */
  onRail(rail: string): readonly string[] {
    return [...this.#sources.values()].flatMap(({ kind, list }) =>
      list()
        .filter((terms) => terms.rail === rail)
        .map(({ name }) => `${kind}/${name}`),
    )
  }

  ask(party: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
    const { source, name } = this.#split(party)
    return source === undefined ? Promise.resolve(undefined) : source.ask(name, data, timeoutMs)
  }

  onBooked(party: string, change: bigint): void {
    const { source, name } = this.#split(party)
    source?.onBooked(name, change)
  }

  async receivedIn(
    tx: Tx,
    party: string,
    received: { readonly key: string; readonly amount: bigint },
  ): Promise<void> {
    const { source, name } = this.#split(party)
    await source?.receivedIn?.(tx, name, received)
  }

  #split(party: string): { readonly source: PartySource | undefined; readonly name: string } {
    const slash = party.indexOf('/')
    return { source: this.#sources.get(party.slice(0, slash)), name: party.slice(slash + 1) }
  }
}

/** How a rail knows a party: the references of its addresses. */
export function referenceOf(party: string): string {
  return party.replace('/', '.')
}

export function partyOfReference(reference: string): string {
  return reference.replace('.', '/')
}
