/** How the configured kinds are asked for: all at once, or divided where a relay closes a subscription so wide. */

/** From wide to narrow. */
export const WIDTHS = ['wide', 'groups', 'single'] as const
export type Width = (typeof WIDTHS)[number]

/** The configured kinds when nothing else is said (see the specification), and what `all` is narrowed to. */
export const DEFAULT_KINDS = [0, 1, 3, 7, 9735, 30023, 10002] as const

/** Relays commonly allow ten subscriptions on one connection; one is for the past. */
export const MAX_LANES = 8
const GROUPS = 3

/** The kinds of one subscription; undefined: all there are. */
export type KindLane = readonly number[] | undefined

export function laneIncludes(lane: KindLane, kind: number): boolean {
  return lane === undefined || lane.includes(kind)
}

/** The kinds, divided among subscriptions. */
export function kindLanes(kinds: readonly number[] | 'all', width: Width): readonly KindLane[] {
  if (width === 'wide') return [kinds === 'all' ? undefined : kinds]
  const known = kinds === 'all' ? DEFAULT_KINDS : kinds
  const size = width === 'single' ? 1 : Math.ceil(known.length / GROUPS)
  const lanes: KindLane[] = []
  for (let start = 0; start < known.length; start += size) lanes.push(known.slice(start, start + size))
  return lanes
}

/** The next narrower width that is another one and fits on a connection; undefined: only polling is left. */
export function narrower(kinds: readonly number[] | 'all', width: Width): Width | undefined {
  const lanes = kindLanes(kinds, width).length
  return WIDTHS.slice(WIDTHS.indexOf(width) + 1).find((next) => {
    const count = kindLanes(kinds, next).length
    return count > lanes && count <= MAX_LANES
  })
}
