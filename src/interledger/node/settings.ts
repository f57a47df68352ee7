/** What the operator decides about the node, as the configuration holds it. */
import type { Asset, Outcome } from '../../kernel/index.ts'
import { RateTable } from '../rates/index.ts'

export interface NodeSettings {
  /** The node's ILP address; empty: a parent's gift, or else one of its own. */
  readonly address: string
  /** What payments to this node are counted in. */
  readonly asset: Asset
  /** `BTC = 64000.5`, one for each asset. */
  readonly rates: readonly string[]
  readonly spreadPpm: number
  /** How much worse than the rates of this node a payment may be, in millionths. */
  readonly slippagePpm: number
  /** Do peers hear of what peers lead to? See `routing`. */
  readonly carriesPeerToPeer: boolean
  readonly maxHoldSeconds: number
  readonly maxInFlight: number
}

/** Reads the rates; the refusal is a text that names the one that is none. */
export function rateTableOf({
  rates,
  spreadPpm,
}: Pick<NodeSettings, 'rates' | 'spreadPpm'>): Outcome<RateTable, string> {
  const prices = Object.fromEntries(rates.map((rate) => rate.split(' = ', 2)))
  return RateTable.parse({ prices, spreadPpm })
}
