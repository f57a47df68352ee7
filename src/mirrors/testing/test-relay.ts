/** A relay of ours in this process, on a free port, over a store that the test hands in. */
import { defaultConfig } from '../../config/index.ts'
import type { EventStore } from '../../events/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { createSignatureVerifier } from '../../platform/index.ts'
import { createLocalBus, LiveEvent } from '../../relay/index.ts'
import { startLonelyRelay } from '../../relay/testing/index.ts'
import { createIntake, type Intake } from '../intake.ts'
import type { MirrorsDeps } from '../mirrors.ts'

type Settings = ReturnType<typeof defaultConfig>['relay']

export interface TestRelay {
  readonly url: string
  readonly store: EventStore
  readonly intake: Intake
  /** What mirrors hear of: events that clients have brought. */
  readonly subscribe: MirrorsDeps['subscribe']
  stop(): Promise<void>
}

/** Starts a relay with the default settings but for these. The store stays open when it stops. */
export async function startTestRelay(
  store: EventStore,
  settings: Partial<Settings> = {},
): Promise<TestRelay> {
  const verifier = await createSignatureVerifier('auto')
  const { relayBus, mainBus } = createLocalBus()
  const relay = await startLonelyRelay({
    settings: { ...defaultConfig().relay, ...settings },
    port: settings.port,
    store,
    bus: relayBus,
  })
  const url = `ws://127.0.0.1:${relay.port}`
  return {
    url,
    store,
    intake: createIntake({
      store,
      clock: systemClock,
      verifyBatch: (events) => events.map(({ id, pubkey, sig }) => verifier.verify(id, pubkey, sig)),
      publish: (event, json, seq) => mainBus.publish(new LiveEvent(event, json, seq)),
      self: '',
      relayUrls: [url],
    }),
    subscribe: (listener) =>
      mainBus.subscribe((event, json) => listener(event, json), { isWanted: () => true }),
    stop: () => relay.stop(),
  }
}
