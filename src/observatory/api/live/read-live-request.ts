import { z } from 'zod'
import { accepted, type Outcome, type Refusal, refused } from '../../../kernel/index.ts'
import { RANGES, type Range } from '../../ranges.ts'
import { TOPICS, type Topic } from './topics.ts'

export type LiveRequest =
  | { readonly action: 'want' | 'drop'; readonly topics: readonly Topic[]; readonly range: Range }
  | { readonly action: 'ping' }

const shape = z.union([
  z.strictObject({
    action: z.enum(['want', 'drop']),
    data: z.array(z.enum(TOPICS)).min(1).max(TOPICS.length),
    range: z.enum(RANGES).default('24h'),
  }),
  z.strictObject({ action: z.literal('ping') }),
])

const REFUSAL: Refusal = {
  code: 'BAD_MESSAGE',
  text: `send {"action":"want","data":[…],"range":"24h"}, {"action":"drop",…} or {"action":"ping"}; data are of ${TOPICS.join(', ')}, a range is one of ${RANGES.join(', ')}`,
}

/** Reads what a client says on its socket. */
export function readLiveRequest(text: string): Outcome<LiveRequest, Refusal> {
  const read = shape.safeParse(parsed(text))
  if (!read.success) return refused(REFUSAL)
  const { data } = read
  return accepted(
    data.action === 'ping'
      ? data
      : { action: data.action, topics: [...new Set(data.data)], range: data.range },
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
