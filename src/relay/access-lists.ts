/**
 * Who and what an operator has let in or kept out while the relay runs (NIP-86, console, command line). Plain data in
 * memory, one copy in every thread: what changes it is sent to all of them, and nothing here waits for a database.
 */
import { AUTH_LEVELS, type AuthLevel, isAuthLevel } from './auth-level.ts'
import { IpRanges, isIpRange } from './ip-ranges.ts'

/** A level that a key was given, for good or for a time. */
export interface GrantedLevel {
  readonly level: AuthLevel
  /** Unix seconds; from then on the key is a stranger again. */
  readonly expiresAtSeconds?: number
}

/** Members of the NIP-11 document that were changed while running. */
export interface InformationOverrides {
  readonly name?: string
  readonly description?: string
  readonly icon?: string
}

/** Everything, as it is stored and as it crosses to other threads. Texts beside keys are the operator's reasons. */
export interface AccessListsData {
  readonly bannedPubkeys: Readonly<Record<string, string>>
  readonly allowedPubkeys: Readonly<Record<string, string>>
  readonly bannedEvents: Readonly<Record<string, string>>
  readonly allowedKinds: readonly number[]
  readonly deniedKinds: readonly number[]
  /** Addresses and CIDR ranges. */
  readonly blockedIps: Readonly<Record<string, string>>
  readonly shadowPubkeys: Readonly<Record<string, string>>
  readonly levels: Readonly<Record<string, GrantedLevel>>
  readonly unlimitedIps: readonly string[]
  readonly maintenance: boolean
  readonly maxConnections?: number
  readonly information: InformationOverrides
}

/** One change; each is safe to repeat. */
export type AccessChange =
  | { readonly do: 'ban-pubkey'; readonly pubkey: string; readonly reason: string }
  | { readonly do: 'unban-pubkey'; readonly pubkey: string }
  | { readonly do: 'allow-pubkey'; readonly pubkey: string; readonly reason: string }
  | { readonly do: 'unallow-pubkey'; readonly pubkey: string }
  | { readonly do: 'ban-event'; readonly id: string; readonly reason: string }
  | { readonly do: 'unban-event'; readonly id: string }
  | { readonly do: 'allow-kind'; readonly kind: number }
  | { readonly do: 'disallow-kind'; readonly kind: number }
  | { readonly do: 'forget-kind'; readonly kind: number }
  | { readonly do: 'block-ip'; readonly ip: string; readonly reason: string }
  | { readonly do: 'unblock-ip'; readonly ip: string }
  | { readonly do: 'shadow-pubkey'; readonly pubkey: string; readonly reason: string }
  | { readonly do: 'unshadow-pubkey'; readonly pubkey: string }
  | ({ readonly do: 'set-level'; readonly pubkey: string } & GrantedLevel)
  | { readonly do: 'unset-level'; readonly pubkey: string }
  | { readonly do: 'unlimit-ip'; readonly ip: string }
  | { readonly do: 'limit-ip'; readonly ip: string }
  | { readonly do: 'set-maintenance'; readonly maintenance: boolean }
  /** Without a number, the configured one holds again. */
  | { readonly do: 'set-max-connections'; readonly maxConnections?: number }
  | ({ readonly do: 'set-information' } & InformationOverrides)

/** Keys whose level stands in the configuration. */
export interface ConfiguredLevels {
  readonly members: readonly string[]
  readonly trusted: readonly string[]
}

export const EMPTY_ACCESS_LISTS: AccessListsData = {
  bannedPubkeys: {},
  allowedPubkeys: {},
  bannedEvents: {},
  allowedKinds: [],
  deniedKinds: [],
  blockedIps: {},
  shadowPubkeys: {},
  levels: {},
  unlimitedIps: [],
  maintenance: false,
  information: {},
}

/** The lists as the relay asks them: every look-up is one in a hash table. */
export class AccessLists {
  readonly #bannedPubkeys: Map<string, string>
  readonly #allowedPubkeys: Map<string, string>
  readonly #bannedEvents: Map<string, string>
  readonly #allowedKinds: Set<number>
  readonly #deniedKinds: Set<number>
  readonly #blockedIps: Map<string, string>
  readonly #shadowPubkeys: Map<string, string>
  readonly #levels: Map<string, GrantedLevel>
  readonly #unlimitedIps: Set<string>
  readonly #configuredLevels = new Map<string, AuthLevel>()
  #blocked: IpRanges
  #unlimited: IpRanges
  #maintenance: boolean
  #maxConnections: number | undefined
  #information: InformationOverrides

  constructor(data: AccessListsData = EMPTY_ACCESS_LISTS) {
    this.#bannedPubkeys = new Map(Object.entries(data.bannedPubkeys))
    this.#allowedPubkeys = new Map(Object.entries(data.allowedPubkeys))
    this.#bannedEvents = new Map(Object.entries(data.bannedEvents))
    this.#allowedKinds = new Set(data.allowedKinds)
    this.#deniedKinds = new Set(data.deniedKinds)
    this.#blockedIps = new Map(Object.entries(data.blockedIps))
    this.#shadowPubkeys = new Map(Object.entries(data.shadowPubkeys))
    this.#levels = new Map(Object.entries(data.levels))
    this.#unlimitedIps = new Set(data.unlimitedIps)
    this.#blocked = new IpRanges(this.#blockedIps.keys())
    this.#unlimited = new IpRanges(this.#unlimitedIps)
    this.#maintenance = data.maintenance
    this.#maxConnections = data.maxConnections
    this.#information = data.information
  }

  static fromJSON(data: AccessListsData): AccessLists {
    return new AccessLists(data)
  }

  toJSON(): AccessListsData {
    return {
      bannedPubkeys: Object.fromEntries(this.#bannedPubkeys),
      allowedPubkeys: Object.fromEntries(this.#allowedPubkeys),
      bannedEvents: Object.fromEntries(this.#bannedEvents),
      allowedKinds: [...this.#allowedKinds],
      deniedKinds: [...this.#deniedKinds],
      blockedIps: Object.fromEntries(this.#blockedIps),
      shadowPubkeys: Object.fromEntries(this.#shadowPubkeys),
      levels: Object.fromEntries(this.#levels),
      unlimitedIps: [...this.#unlimitedIps],
      maintenance: this.#maintenance,
      ...(this.#maxConnections !== undefined && { maxConnections: this.#maxConnections }),
      information: this.#information,
    }
  }

  /** How many entries each list has. */
  sizes(): Readonly<Record<string, number>> {
    return {
      'banned-pubkeys': this.#bannedPubkeys.size,
      'allowed-pubkeys': this.#allowedPubkeys.size,
      'banned-events': this.#bannedEvents.size,
      'allowed-kinds': this.#allowedKinds.size,
      'denied-kinds': this.#deniedKinds.size,
      'blocked-ips': this.#blockedIps.size,
      'shadow-pubkeys': this.#shadowPubkeys.size,
      'unlimited-ips': this.#unlimitedIps.size,
      levels: this.#levels.size,
    }
  }

  /** Takes these lists for those it had. */
  replace(data: AccessListsData): void {
    refill(this.#bannedPubkeys, Object.entries(data.bannedPubkeys))
    refill(this.#allowedPubkeys, Object.entries(data.allowedPubkeys))
    refill(this.#bannedEvents, Object.entries(data.bannedEvents))
    refill(this.#blockedIps, Object.entries(data.blockedIps))
    refill(this.#shadowPubkeys, Object.entries(data.shadowPubkeys))
    refill(this.#levels, Object.entries(data.levels))
    for (const [set, members] of [
      [this.#allowedKinds, data.allowedKinds],
      [this.#deniedKinds, data.deniedKinds],
    ] as const) {
      set.clear()
      for (const kind of members) set.add(kind)
    }
    this.#unlimitedIps.clear()
    for (const ip of data.unlimitedIps) this.#unlimitedIps.add(ip)
    this.#blocked = new IpRanges(this.#blockedIps.keys())
    this.#unlimited = new IpRanges(this.#unlimitedIps)
    this.#maintenance = data.maintenance
    this.#maxConnections = data.maxConnections
    this.#information = data.information
  }

  /** Takes the levels that the configuration names. They are not part of `toJSON`; the higher level counts. */
  configureLevels({ members, trusted }: ConfiguredLevels): void {
    this.#configuredLevels.clear()
    for (const pubkey of members) this.#configuredLevels.set(pubkey, AUTH_LEVELS.MEMBER)
    for (const pubkey of trusted) this.#configuredLevels.set(pubkey, AUTH_LEVELS.TRUSTED)
  }

  /** False lets a caller skip `banReasonOf` for a whole list of keys. */
  get hasBannedPubkeys(): boolean {
    return this.#bannedPubkeys.size > 0
  }

  /** Why this key is banned; undefined when it is not. The reason may be empty. */
  banReasonOf(pubkey: string): string | undefined {
    return this.#bannedPubkeys.size === 0 ? undefined : this.#bannedPubkeys.get(pubkey)
  }

  isAllowedPubkey(pubkey: string): boolean {
    return this.#allowedPubkeys.size > 0 && this.#allowedPubkeys.has(pubkey)
  }

  isBannedEvent(id: string): boolean {
    return this.#bannedEvents.size > 0 && this.#bannedEvents.has(id)
  }

  /** What was decided about a kind while running; undefined leaves it to the configuration. */
  kindDecision(kind: number): 'allowed' | 'denied' | undefined {
    if (this.#deniedKinds.size > 0 && this.#deniedKinds.has(kind)) return 'denied'
    if (this.#allowedKinds.size > 0 && this.#allowedKinds.has(kind)) return 'allowed'
    return undefined
  }

  isShadowed(pubkey: string): boolean {
    return this.#shadowPubkeys.size > 0 && this.#shadowPubkeys.has(pubkey)
  }

  isBlockedIp(address: string): boolean {
    return this.#blockedIps.size > 0 && this.#blocked.has(address)
  }

  /** No rate and no limit on connections applies to it. */
  isUnlimitedIp(address: string): boolean {
    return this.#unlimitedIps.size > 0 && this.#unlimited.has(address)
  }

  /** The best level of these proved keys; 0 when there are none. */
  levelOf(pubkeys: readonly string[], nowSeconds: number): AuthLevel {
    let best: AuthLevel = pubkeys.length === 0 ? AUTH_LEVELS.ANONYMOUS : AUTH_LEVELS.STRANGER
    for (const pubkey of pubkeys) {
      const level = this.#levelOfKey(pubkey, nowSeconds)
      if (level > best) best = level
    }
    return best
  }

  get maintenance(): boolean {
    return this.#maintenance
  }

  get maxConnections(): number | undefined {
    return this.#maxConnections
  }

  get information(): InformationOverrides {
    return this.#information
  }

  apply(change: AccessChange): void {
    switch (change.do) {
      case 'ban-pubkey':
        this.#bannedPubkeys.set(change.pubkey, change.reason)
        this.#allowedPubkeys.delete(change.pubkey)
        return
      case 'unban-pubkey':
        this.#bannedPubkeys.delete(change.pubkey)
        return
      case 'allow-pubkey':
        this.#allowedPubkeys.set(change.pubkey, change.reason)
        this.#bannedPubkeys.delete(change.pubkey)
        return
      case 'unallow-pubkey':
        this.#allowedPubkeys.delete(change.pubkey)
        return
      case 'ban-event':
        this.#bannedEvents.set(change.id, change.reason)
        return
      case 'unban-event':
        this.#bannedEvents.delete(change.id)
        return
      case 'allow-kind':
        this.#deniedKinds.delete(change.kind)
        this.#allowedKinds.add(change.kind)
        return
      case 'disallow-kind':
        this.#allowedKinds.delete(change.kind)
        this.#deniedKinds.add(change.kind)
        return
      case 'forget-kind':
        this.#allowedKinds.delete(change.kind)
        this.#deniedKinds.delete(change.kind)
        return
      case 'shadow-pubkey':
        this.#shadowPubkeys.set(change.pubkey, change.reason)
        return
      case 'unshadow-pubkey':
        this.#shadowPubkeys.delete(change.pubkey)
        return
      case 'set-level':
        this.#setLevel(change.pubkey, change)
        return
      case 'unset-level':
        this.#levels.delete(change.pubkey)
        return
      case 'set-maintenance':
        this.#maintenance = change.maintenance
        return
      case 'set-max-connections':
        this.#maxConnections = change.maxConnections
        return
      case 'set-information':
        this.#setInformation(change)
        return
      default:
        this.#applyToIps(change)
    }
  }

  #applyToIps(change: Extract<AccessChange, { readonly ip: string }>): void {
    switch (change.do) {
      case 'block-ip':
        if (isIpRange(change.ip)) this.#blockedIps.set(change.ip, change.reason)
        break
      case 'unblock-ip':
        this.#blockedIps.delete(change.ip)
        break
      case 'unlimit-ip':
        if (isIpRange(change.ip)) this.#unlimitedIps.add(change.ip)
        break
      case 'limit-ip':
        this.#unlimitedIps.delete(change.ip)
        break
    }
    this.#blocked = new IpRanges(this.#blockedIps.keys())
    this.#unlimited = new IpRanges(this.#unlimitedIps)
  }

  #setLevel(pubkey: string, { level, expiresAtSeconds }: GrantedLevel): void {
    if (!isAuthLevel(level)) return
    this.#levels.set(pubkey, expiresAtSeconds === undefined ? { level } : { level, expiresAtSeconds })
  }

  #setInformation({ name, description, icon }: InformationOverrides): void {
    this.#information = {
      ...this.#information,
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      ...(icon !== undefined && { icon }),
    }
  }

  #levelOfKey(pubkey: string, nowSeconds: number): AuthLevel {
    const configured = this.#configuredLevels.get(pubkey) ?? AUTH_LEVELS.STRANGER
    const granted = this.#levels.get(pubkey)
    if (granted === undefined || (granted.expiresAtSeconds ?? Number.POSITIVE_INFINITY) <= nowSeconds) {
      return configured
    }
    if (granted.level > configured) return granted.level
    return configured
  }
}

function refill<V>(map: Map<string, V>, entries: Iterable<readonly [string, V]>): void {
  map.clear()
  for (const [key, value] of entries) map.set(key, value)
}
