import type { ServerResponse } from 'node:http'
import type { Outcome } from '../../kernel/index.ts'
import type { ObservatoryApiDeps } from './deps.ts'
import { HealthDesk } from './health-desk.ts'
import type { Answer } from './http/answer.ts'
import { AnswerCache } from './http/answer-cache.ts'
import type { TimedRefusal } from './http/refuse.ts'
import { Callers } from './limits/callers.ts'
import { createLiveHub, type LiveHub } from './live/live-hub.ts'
import { RelayRecordsDesk } from './relay-records-desk.ts'
import { Slots } from './slots.ts'
import { SnapshotDesk } from './snapshot-desk.ts'

/** At the same time: an export reads much of the database, a recommendation some hundred events. */
const MAX_EXPORTS = 2
const MAX_RECOMMENDATIONS = 8

/** What the operations work with. */
export interface ApiContext {
  readonly deps: ObservatoryApiDeps
  readonly desk: SnapshotDesk
  readonly cache: AnswerCache
  /** Answers that are being made, by version and what was asked. */
  readonly making: Map<string, Promise<Outcome<Answer, TimedRefusal>>>
  readonly callers: Callers
  readonly health: HealthDesk
  readonly live: LiveHub
  readonly relayRecords: RelayRecordsDesk
  /** Readers of the stream; they end when the server does. */
  readonly streams: Set<ServerResponse>
  readonly exportSlots: Slots
  readonly recommendationSlots: Slots
  /** Ends what was begun for it. */
  close(): void
}

export function createApiContext(deps: ObservatoryApiDeps): ApiContext {
  const desk = new SnapshotDesk(deps.source, deps.clock)
  const live = deps.live ?? createLiveHub(deps)
  const streams = new Set<ServerResponse>()
  return {
    deps,
    desk,
    cache: new AnswerCache(),
    making: new Map(),
    callers: new Callers(deps),
    health: new HealthDesk(deps),
    live,
    relayRecords: new RelayRecordsDesk(deps),
    streams,
    exportSlots: new Slots(MAX_EXPORTS),
    recommendationSlots: new Slots(MAX_RECOMMENDATIONS),
    close: () => {
      desk.close()
      for (const stream of streams) stream.destroy()
      if (deps.live === undefined) live.close()
    },
  }
}
