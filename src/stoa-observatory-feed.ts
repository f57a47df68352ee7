/** What of the network is stored in this relay: what its policies take, brought as a mirror would bring it. */
import type { Intake } from './mirrors/index.ts'
import type { NostrEvent } from './nostr/index.ts'
import type { Logger } from './platform/index.ts'

/** Events that wait to be stored; of more the newest are left out, and counted. */
const MAX_WAITING = 20_000
const AT_ONCE = 500
const SOURCE = { origin: 'mirror', peer: 'observatory', takesProtected: false } as const

export interface Feed {
  offer(events: readonly NostrEvent[]): void
  stats(): {
    readonly stored: number
    readonly refused: number
    readonly leftOut: number
    readonly waiting: number
  }
  stop(): Promise<void>
}

export function startFeed(intake: Intake, logger: Logger): Feed {
  let waiting: NostrEvent[] = []
  let storing: Promise<void> | undefined
  const totals = { stored: 0, refused: 0, leftOut: 0 }
  const store = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, AT_ONCE)
      waiting = waiting.slice(AT_ONCE)
      const results = await intake.take(batch, SOURCE)
      for (const { status } of results) {
        if (status === 'stored') totals.stored++
        else if (status !== 'known') totals.refused++
      }
    }
  }
  return {
    offer: (events) => {
      const room = MAX_WAITING - waiting.length
      totals.leftOut += Math.max(0, events.length - room)
      waiting.push(...events.slice(0, Math.max(0, room)))
      storing ??= store()
        .catch((err: unknown) => logger.warn({ err }, 'observatory.feed_failed'))
        .finally(() => {
          storing = undefined
        })
    },
    stats: () => ({ ...totals, waiting: waiting.length }),
    stop: async () => {
      waiting = []
      await storing
    },
  }
}
