import type { EventStore } from '../events/index.ts'
import { applyRule, MAX_COUNTED_KEYS } from './apply-rule.ts'
import { freedBy, removeOldest } from './disk-cap.ts'
import type { EventHead } from './event-head.ts'
import type { Pass, RemovalReason, Remover } from './pass.ts'
import type { RetentionRules } from './rules.ts'

/** How much of a kind of removal there was, or would be. */
export interface Removed {
  readonly reason: RemovalReason
  /** The rule's text, or the setting that asked for it. */
  readonly rule: string
  readonly events: number
  /** Of JSON, and an estimate of what stands around it. */
  readonly bytes: number
}

export interface PassReport {
  readonly removed: readonly Removed[]
  /** Events that were read; one that several rules had to look at counts several times. */
  readonly examined: number
  /** False when it was stopped on its way. */
  readonly isWhole: boolean
  /** Bytes on disk above the cap that are left when everything removed has been freed; 0 without a cap. */
  readonly excessBytes: number
}

export interface PassOptions {
  readonly store: EventStore
  readonly rules: RetentionRules
  readonly nowSeconds: number
  readonly signal: AbortSignal
  /** Waits between two steps. */
  readonly rest: () => Promise<void>
  /** Look only, and report what would be removed. */
  readonly isDryRun?: boolean
  /** Bytes that earlier passes have removed and that are still on disk. */
  readonly pendingBytes?: number
  /** Authors that are counted at a time. */
  readonly maxCountedKeys?: number
  readonly onStep?: (examined: number) => void
  readonly onRemoved?: (removed: Removed) => void
}

/** In a dry run nothing goes between two walks, so authors must not be counted in shares: it would count some twice. */
const DRY_RUN_KEYS = 10_000_000

/** Applies all rules, one after the other, then the cap on disk use. What it did not come to, the next pass finds. */
export async function runPass(options: PassOptions): Promise<PassReport> {
  const { store, rules, nowSeconds, signal, rest, isDryRun = false, onStep = () => {} } = options
  const { maxCountedKeys = isDryRun ? DRY_RUN_KEYS : MAX_COUNTED_KEYS } = options
  const tally = new Tally(options.onRemoved)
  let examined = 0
  const pass: Pass = {
    store,
    rules,
    nowSeconds,
    signal,
    remover: tally.countingBy(isDryRun ? lookOnly : removerOf(store)),
    rest: async (more) => {
      examined += more
      onStep(more)
      await rest()
    },
  }
  for (const rule of rules.rules) await applyRule(pass, rule, maxCountedKeys)
  const excessBytes = await keepWithinCap(pass, (options.pendingBytes ?? 0) + tally.bytes)
  return { removed: tally.list(), examined, isWhole: !signal.aborted, excessBytes }
}

/** @param pendingBytes what was removed and will be freed yet: it need not be removed again. */
async function keepWithinCap(pass: Pass, pendingBytes: number): Promise<number> {
  const { maxDiskBytes } = pass.rules
  if (maxDiskBytes === 0) return 0
  const excessBytes = pass.store.stats().diskBytes - maxDiskBytes - pendingBytes
  if (excessBytes <= 0) return 0
  return Math.max(0, excessBytes - (await removeOldest(pass, excessBytes)))
}

function removerOf(store: EventStore): Remover {
  return { remove: (heads) => store.remove(heads.map(({ id }) => id)) }
}

const lookOnly: Remover = { remove: async (heads) => heads.length }

/** Sums up removals by reason and rule. */
class Tally {
  readonly #onRemoved: (removed: Removed) => void
  readonly #sums = new Map<string, Removed>()
  bytes = 0

  constructor(onRemoved: (removed: Removed) => void = () => {}) {
    this.#onRemoved = onRemoved
  }

  countingBy(remover: Remover): Remover {
    return {
      remove: async (heads, reason, rule) => {
        const events = await remover.remove(heads, reason, rule)
        this.#add({ reason, rule, events, bytes: shareOf(heads, events) })
        return events
      },
    }
  }

  list(): readonly Removed[] {
    return [...this.#sums.values()]
  }

  #add(removed: Removed): void {
    const { reason, rule, events, bytes } = removed
    const key = `${reason} ${rule}`
    const sum = this.#sums.get(key) ?? { reason, rule, events: 0, bytes: 0 }
    this.#sums.set(key, { ...sum, events: sum.events + events, bytes: sum.bytes + bytes })
    this.bytes += bytes
    this.#onRemoved(removed)
  }
}

/** Some may have gone by themselves meanwhile; those that did were as large as the others. */
function shareOf(heads: readonly EventHead[], events: number): number {
  return heads.length === 0 ? 0 : Math.round((freedBy(heads) * events) / heads.length)
}
