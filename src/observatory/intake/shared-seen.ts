import { type Clock, systemClock } from '../../kernel/index.ts'
import type { Bus } from '../../platform/bus/index.ts'

/** Ids of events that any collector has verified. */
export interface SharedSeen {
  /** Which of them are known, in their order; undefined when nobody answers. */
  knownOf(ids: readonly string[]): Promise<readonly boolean[] | undefined>
  /** Tells the others. Never waits and never fails: what gets lost is verified twice. */
  add(ids: readonly string[]): void
}

const HOUR_SECONDS = 3_600
/** A set is asked during its hour and the one after. */
const TTL_MS = 2.1 * HOUR_SECONDS * 1_000
/** 128 bits: with 64, somebody could make two events with the same ones, and have the forged one spared. */
const MEMBER_CHARACTERS = 32

/** Over the bus: a set for each hour, 128 bits of each id. An id is known for one to two hours. */
export function createSharedSeen(bus: Bus, clock: Clock = systemClock): SharedSeen {
  const hour = () => Math.floor(clock.nowSeconds() / HOUR_SECONDS)
  const ask = async (ofHour: number, members: readonly string[]) => {
    const known = await bus.knownMembers(keyOf(ofHour), members)
    return known.ok ? known.value : undefined
  }
  return {
    knownOf: async (ids) => {
      const members = ids.map(memberOf)
      const now = hour()
      const [current, before] = await Promise.all([ask(now, members), ask(now - 1, members)])
      if (current === undefined || before === undefined) return undefined
      return current.map((isKnown, index) => isKnown || before[index] === true)
    },
    add: (ids) => {
      const key = keyOf(hour())
      // A refusal is no loss: the others verify these themselves.
      void bus.apply([
        { do: 'addMembers', key, members: ids.map(memberOf) },
        { do: 'renew', key, ttlMs: TTL_MS },
      ])
    },
  }
}

function keyOf(hour: number): string {
  return `observatory:seen:${hour}`
}

function memberOf(id: string): string {
  return id.slice(0, MEMBER_CHARACTERS)
}
