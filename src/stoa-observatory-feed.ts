/** What of the network is stored in this relay: what its policies take, brought as a mirror would bring it. */
import type { Config } from './config/index.ts'
import { systemClock } from './kernel/index.ts'
import { createIntake, type Intake } from './mirrors/index.ts'
import type { NostrEvent } from './nostr/index.ts'
import type { Logger, SignatureVerifier } from './platform/index.ts'
import { LiveEvent } from './relay/index.ts'
import type { Signer } from './signer/index.ts'
import type { Office } from './stoa-office.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { MainPolicies } from './stoa-services.ts'

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

export interface FeedDeps {
  readonly config: () => Pick<Config, 'relay'>
  readonly office: Pick<Office, 'host'>
  readonly unit: () => RelayUnit
  readonly verifier: SignatureVerifier
  readonly relaySigner: Signer
  readonly logger: Logger
}

/** Into the relay of this process, by the rules of its main thread. */
export function openFeed(policies: MainPolicies, deps: FeedDeps): Feed {
  const { config, office, unit, verifier, relaySigner, logger } = deps
  const { publicUrl } = config().relay
  const intake = createIntake({
    store: unit().store,
    clock: systemClock,
    verifyBatch: (events) => events.map(({ id, pubkey, sig }) => verifier.verify(id, pubkey, sig)),
    policies: policies.write,
    hold: office.host.hold,
    publish: (event, json, seq) => unit().publish(new LiveEvent(event, json, seq)),
    self: relaySigner.publicKey,
    relayUrls: publicUrl === '' ? [] : [publicUrl],
  })
  return startFeed(intake, logger)
}

function startFeed(intake: Intake, logger: Logger): Feed {
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
