import { AppError } from '../../kernel/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import { codePointLength } from './content.ts'
import { boundsOf, KindSet } from './kind-set.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** Limits of content, tags and bytes for certain kinds, beside those that hold for all. */
export const kindLimits = definePolicy({
  name: 'kind-limits',
  pick: ({ policies }) => {
    const { rules } = policies.kindLimits
    return rules.length === 0 ? undefined : { rules }
  },
  create: ({ rules }) => {
    const limits = rules.map(parseKindLimit)
    return {
      name: 'kind-limits',
      stage: 'before-signature',
      judgesVanish: true,
      judge: (event) => {
        for (const limit of limits) {
          if (!limit.kinds.has(event.kind)) continue
          const text = broken(event, limit)
          if (text !== undefined) return refuse('invalid', text)
        }
        return undefined
      },
    }
  },
})

interface KindLimit {
  readonly kinds: KindSet
  readonly range: string
  readonly content: number
  readonly tags: number
  readonly bytes: number
}

/** Reads `1: content=5000 tags=100` and `30000-39999: bytes=100000`. */
export function parseKindLimit(rule: string): KindLimit {
  const [, range = '', rest = ''] = /^(\d+(?:-\d+)?):((?: (?:content|tags|bytes)=\d+)+)$/.exec(rule) ?? []
  if (range === '' || boundsOf(range)[0] > boundsOf(range)[1]) {
    throw new AppError(
      'CONFIG_INVALID',
      `relay.policies.kindLimits.rules: "${rule}" is not like "1: content=5000 tags=100 bytes=20000".`,
    )
  }
  const limitOf = (name: string): number =>
    Number(new RegExp(` ${name}=(\\d+)`).exec(rest)?.[1] ?? Number.POSITIVE_INFINITY)
  return {
    kinds: new KindSet([range]),
    range,
    content: limitOf('content'),
    tags: limitOf('tags'),
    bytes: limitOf('bytes'),
  }
}

function broken(event: NostrEvent, { content, tags, bytes, range }: KindLimit): string | undefined {
  if (event.tags.length > tags) return `an event of kind ${range} has at most ${tags} tags here`
  if (codePointLength(event.content, content) > content) {
    return `the content of kind ${range} has at most ${content} characters here`
  }
  if (bytes < Number.POSITIVE_INFINITY && byteLength(event) > bytes) {
    return `an event of kind ${range} has at most ${bytes} bytes here`
  }
  return undefined
}

/** Bytes of the event as it is stored. */
function byteLength(event: NostrEvent): number {
  const { id, pubkey, created_at, kind, tags, content, sig } = event
  return Buffer.byteLength(JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig }))
}
