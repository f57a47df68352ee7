/** How much a key may ask for, and what that costs. */
export interface Tier {
  readonly name: string
  readonly requestsPer15Min: number
  /** In msat; 0 is free. */
  readonly priceMsatPerMonth: bigint
}

export interface ApiTierSettings {
  /** The first that costs nothing is that of keys without a subscription, and replaces `FREE_TIER`. */
  readonly tiers: readonly Tier[]
}

/** Of keys without a subscription. */
export const FREE_TIER: Tier = { name: 'free', requestsPer15Min: 1_000, priceMsatPerMonth: 0n }
