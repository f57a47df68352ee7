import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { type NostrEvent, parseEvent } from '../../nostr/index.ts'
import type { Offence } from '../relay-report.ts'

export interface EventFrame {
  readonly subscriptionId: string
  readonly event: NostrEvent
}

/** The plain reading of `["EVENT", <subscription>, <event>]`: shape only, neither id nor signature. */
export function parseFrame(data: Buffer): Outcome<EventFrame, Offence> {
  let message: unknown
  try {
    message = JSON.parse(data.toString('utf8'))
  } catch {
    return refused('not-json')
  }
  if (!Array.isArray(message) || message[0] !== 'EVENT') return refused('malformed-event')
  const subscriptionId: unknown = message[1]
  if (typeof subscriptionId !== 'string') return refused('malformed-event')
  const event = parseEvent(message[2])
  return event.ok ? accepted({ subscriptionId, event: event.value }) : refused('malformed-event')
}
