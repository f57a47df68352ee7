/** What a neighbour may have us learn. Pure: the receiver asks it of every route, and again when our own routes change. */
import { childAddress } from '../ildcp/index.ts'
import { isInPrefix } from '../packet/index.ts'
import type { PeerTerms } from '../peer.ts'
import { isBeyondScheme, type LocalRouting, schemeOf } from './local-routing.ts'

export interface ImportRules {
  readonly ownAddress: string
  /** Which neighbour the operator's routes lead to. */
  readonly staticPeers: ReadonlyMap<string, string>
}

/** `loop`: it leads through us, which is nobody's fault. `refused`: this neighbour must not say that. */
export type Verdict =
  | { readonly is: 'learned' }
  | { readonly is: 'loop' }
  | { readonly is: 'refused'; readonly reason: string }

const LEARNED: Verdict = { is: 'learned' }
const LOOP: Verdict = { is: 'loop' }

export function importRules(
  ownAddress: string,
  { staticRoutes }: Pick<LocalRouting, 'staticRoutes'>,
): ImportRules {
  return { ownAddress, staticPeers: new Map(staticRoutes.map(({ prefix, peerId }) => [prefix, peerId])) }
}

/**
 * May this neighbour lead us to this prefix? A route through ourselves is passed over. Refused: what is ours or our
 * children's; what the operator leads elsewhere, and parts of it, since the longer prefix would win; other schemes than
 * ours; of a child all but its own address and what is below; of others than a parent a scheme alone or everything.
 */
export function judgeRoute(
  { prefix, path }: { readonly prefix: string; readonly path: readonly string[] },
  from: Pick<PeerTerms, 'id' | 'relation'>,
  { ownAddress, staticPeers }: ImportRules,
): Verdict {
  if (path.includes(ownAddress)) return LOOP
  if (from.relation === 'child') {
    const own = childAddress(ownAddress, from.id)
    return isInPrefix(prefix, own)
      ? LEARNED
      : refused(`a child leads to ${own} alone, not to ${shown(prefix)}`)
  }
  if (isInPrefix(prefix, ownAddress)) return refused(`${shown(prefix)} is ours or our children's`)
  if (from.relation !== 'parent' && !isBeyondScheme(prefix)) return refused(`${shown(prefix)} is too short`)
  if (prefix !== '' && schemeOf(prefix) !== schemeOf(ownAddress))
    return refused(`${shown(prefix)} is of another scheme`)
  const elsewhere = coveringPrefixes(prefix).find((covering) => {
    const peerId = staticPeers.get(covering)
    return peerId !== undefined && peerId !== from.id
  })
  return elsewhere === undefined ? LEARNED : refused(`${shown(prefix)} is led elsewhere by our operator`)
}

function refused(reason: string): Verdict {
  return { is: 'refused', reason }
}

/** In messages and logs a hostile prefix takes no more than this. */
const SHOWN_CHARACTERS = 80

function shown(prefix: string): string {
  return `"${prefix.slice(0, SHOWN_CHARACTERS)}"`
}

/**
 * The prefix itself, and the shorter ones that it lies in. A scheme alone is not among them: the operator's route for
 * that is for what nobody else leads to, as one for everything is.
 */
function coveringPrefixes(prefix: string): string[] {
  const covering: string[] = []
  for (let end = prefix.length; end > 0; end = prefix.lastIndexOf('.', end - 1))
    covering.push(prefix.slice(0, end))
  return covering.filter(isBeyondScheme)
}
