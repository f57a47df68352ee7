import type { Audience } from '../../../events/index.ts'
import type { Filter } from '../../../nostr/index.ts'
import type { RelaySettings } from '../../settings.ts'
import { refuseUnauthenticated } from '../authentication.ts'
import { KindSet } from '../kind-set.ts'
import { refuseLevel } from '../level.ts'
import { refusePrivate } from './private-kinds.ts'
import type { ReadContext } from './read-policy.ts'
import { refuseWide } from './wide-filters.ts'

/** Who may ask what, and who is shown what. Made anew when the settings change: it remembers nothing. */
export interface ReadPolicies {
  /** The text to refuse a REQ, COUNT or NEG-OPEN with, or undefined. One filter that is refused refuses them all. */
  refuseRead(filters: readonly Filter[], context: ReadContext): string | undefined
  /** What the store and the live path must leave out for this reader; undefined when that is nothing. */
  audienceFor(context: Pick<ReadContext, 'pubkeys' | 'level'>): Audience | undefined
}

/** The kinds in a rule like `1984: 4`, and the level from which they are shown. */
interface HiddenKind {
  readonly kind: number
  readonly level: number
}

export function createReadPolicies(settings: RelaySettings): ReadPolicies {
  const { auth, levels } = settings
  const { privateKinds, authorOnlyKinds, kindLevels, refuseWideFilters } = settings.policies.reading
  const exempt = new KindSet(levels.exemptKinds)
  const privateSet = new Set(privateKinds)
  const authorOnlySet = new Set(authorOnlyKinds)
  const hidden = kindLevels.map(parseKindLevel)
  const hidesSomething = privateKinds.length + authorOnlyKinds.length + hidden.length > 0

  const refuseStanding = ({ action, pubkeys, level }: ReadContext): string | undefined => {
    if (auth.requiredToRead) {
      const refusal = refuseUnauthenticated(auth, pubkeys, 'read')
      if (refusal !== undefined) return refusal
    }
    const minimum = action === 'count' ? levels.count : levels.read
    return level < minimum ? refuseLevel(level, minimum, action) : undefined
  }

  return {
    refuseRead: (filters, context) => {
      const standing = refuseStanding(context)
      if (standing !== undefined && !filters.every((filter) => asksOnlyFor(exempt, filter))) return standing
      for (const filter of filters) {
        const refusal =
          refusePrivate(filter, context, privateSet, authorOnlySet) ??
          (refuseWideFilters ? refuseWide(filter) : undefined)
        if (refusal !== undefined) return refusal
      }
      return undefined
    },
    audienceFor: ({ pubkeys, level }) => {
      if (!hidesSomething) return undefined
      const hiddenKinds = hidden.filter((rule) => level < rule.level).map(({ kind }) => kind)
      return { pubkeys, privateKinds, authorOnlyKinds, hiddenKinds }
    },
  }
}

function asksOnlyFor(exempt: KindSet, { kinds }: Filter): boolean {
  return kinds !== undefined && kinds.length > 0 && kinds.every((kind) => exempt.has(kind))
}

/** Reads `1984: 4`, as the configuration has checked it. */
function parseKindLevel(rule: string): HiddenKind {
  const [kind = '', level = ''] = rule.split(': ')
  return { kind: Number(kind), level: Number(level) }
}
