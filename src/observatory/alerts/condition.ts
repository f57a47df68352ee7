import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { type Figure, type IndexedSnapshot, parseFigure, type Reading, relayKey } from './figure.ts'
import type { RelayWatch } from './relay-watch.ts'
import type { AlertCondition } from './shapes.ts'

/** What a condition is held against. */
export interface Circumstances {
  readonly figures: IndexedSnapshot
  readonly relays: Pick<RelayWatch, 'standingByKey'>
  /** The same figure so long ago; undefined when nobody remembers. */
  readonly past: (path: string, minutes: number) => number | undefined
}

export interface Verdict {
  /** Undefined: it cannot be told. */
  readonly isMet: boolean | undefined
  /** What was found, in words for people. */
  readonly found: string
}

/** A condition whose names were looked up. */
export interface ReadyCondition {
  /** With one spelling of each name, as it is stored. */
  readonly condition: AlertCondition
  /** The path of a figure that must be remembered. */
  readonly sampled?: Figure
  /** What it says, in words: `events above 1000`. */
  readonly says: string
  judge(circumstances: Circumstances): Verdict
}

/** Looks up what a condition names. */
export function readyCondition(condition: AlertCondition): Outcome<ReadyCondition, string> {
  switch (condition.type) {
    case 'threshold': {
      const figure = parseFigure(condition.figure)
      return figure.ok ? accepted(threshold(condition, figure.value)) : figure
    }
    case 'change': {
      const figure = parseFigure(condition.figure)
      return figure.ok ? accepted(change(condition, figure.value)) : figure
    }
    case 'relay-down':
    case 'relay-up': {
      const key = relayKey(condition.relay)
      return key === undefined ? noRelay(condition.relay) : accepted(standing(condition, key))
    }
    case 'relay-slow': {
      const figure = parseFigure(`relays[${condition.relay}].latencyP95Ms`)
      const key = relayKey(condition.relay)
      if (!figure.ok || key === undefined) return noRelay(condition.relay)
      return accepted(slow(condition, figure.value, key))
    }
  }
}

type Of<T extends AlertCondition['type']> = Extract<AlertCondition, { readonly type: T }>

function threshold(condition: Of<'threshold'>, figure: Figure): ReadyCondition {
  const { is, value } = condition
  return {
    condition: { ...condition, figure: figure.path },
    says: `${figure.path} ${is} ${value}`,
    judge: ({ figures }) => {
      const now = figure.read(figures)
      // A bigint and a number are compared exactly.
      const isMet = now === undefined ? undefined : is === 'above' ? now > value : now < value
      return { isMet, found: foundOf(figure, now) }
    },
  }
}

function change(condition: Of<'change'>, figure: Figure): ReadyCondition {
  const { direction, percent, minutes } = condition
  const how = direction === 'any' ? 'changed' : direction === 'up' ? 'rose' : 'fell'
  return {
    condition: { ...condition, figure: figure.path },
    sampled: figure,
    says: `${figure.path} ${how} by more than ${percent} % in ${minutes} minutes`,
    judge: ({ figures, past }) => {
      const now = figure.read(figures)
      const then = past(figure.path, minutes)
      if (now === undefined || then === undefined) return { isMet: undefined, found: foundOf(figure, now) }
      const changed = percentChange(then, Number(now))
      const isMet = (direction !== 'down' && changed > percent) || (direction !== 'up' && changed < -percent)
      const sign = changed > 0 ? '+' : ''
      return { isMet, found: `${foundOf(figure, now)}, was ${then} (${sign}${changed.toFixed(1)} %)` }
    },
  }
}

/** From nothing to something is more than any percentage; from nothing to nothing is none. */
export function percentChange(then: number, now: number): number {
  if (then === now) return 0
  return then === 0 ? Math.sign(now) * Infinity : ((now - then) / Math.abs(then)) * 100
}

function standing(condition: Of<'relay-down' | 'relay-up'>, key: string): ReadyCondition {
  const { type, minutes } = condition
  const wanted = type === 'relay-up'
  return {
    condition: { ...condition, relay: key },
    says: `${key} ${wanted ? '' : 'not '}connected for ${minutes} minutes`,
    judge: ({ relays, figures: { snapshot } }) => {
      const now = relays.standingByKey(key)
      if (now === undefined) return { isMet: undefined, found: `${key} is not watched` }
      const forSeconds = snapshot.atSeconds - now.sinceSeconds
      const found = `${key} is ${now.isConnected ? '' : 'not '}connected since ${isoOf(now.sinceSeconds)}`
      return { isMet: now.isConnected === wanted && forSeconds >= minutes * 60, found }
    },
  }
}

function slow(condition: Of<'relay-slow'>, figure: Figure, key: string): ReadyCondition {
  const { ms } = condition
  return {
    condition: { ...condition, relay: key },
    says: `${key} slower than ${ms} ms (95th percentile)`,
    judge: ({ figures }) => {
      const now = figure.read(figures)
      return { isMet: now === undefined ? undefined : now > ms, found: foundOf(figure, now) }
    },
  }
}

function foundOf(figure: Figure, value: Reading): string {
  return `${figure.path} is ${value === undefined ? 'not known' : String(value)}`
}

function noRelay(url: string): Outcome<never, string> {
  return refused(`${JSON.stringify(url)} is no address of a relay, like wss://relay.example`)
}

/** `2026-11-21T14:00:00Z` */
export function isoOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z')
}
