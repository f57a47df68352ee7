import type { RangeName } from './bodies.ts'

export const RANGES: readonly RangeName[] = ['24h', '7d', '30d', '90d', 'all']

/** As a switch says it, and as a sentence does. */
export const RANGE_WORDS: Readonly<Record<RangeName, { readonly short: string; readonly long: string }>> = {
  '24h': { short: '24 h', long: 'the last 24 hours' },
  '7d': { short: '7 d', long: 'the last 7 days' },
  '30d': { short: '30 d', long: 'the last 30 days' },
  '90d': { short: '90 d', long: 'the last 90 days' },
  all: { short: 'All', long: 'all time' },
}

/** The range that an address asks for; a day for anything else. */
export function readRange(text: string | null): RangeName {
  return RANGES.find((range) => range === text) ?? '24h'
}
