/** A relay in this process, on a free port, with nothing around it but what the test hands in. */
import type { EventStore } from '../../events/index.ts'
import { createMemoryStore } from '../../events/memory/index.ts'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { createSignatureVerifier } from '../../platform/index.ts'
import { EMPTY_ACCESS_LISTS } from '../access-lists.ts'
import { createLocalBus, type LiveBus } from '../live-bus.ts'
import { type Relay, startRelay } from '../relay.ts'
import { createLonelyHost } from '../relay-host.ts'
import type { RelaySettings } from '../settings.ts'

export interface LonelyRelayOptions {
  readonly settings: RelaySettings
  /** Any free one when absent, whatever the settings say. */
  readonly port?: number | undefined
  readonly store?: EventStore
  readonly bus?: LiveBus
  readonly clock?: Clock
}

export async function startLonelyRelay({
  settings,
  port = 0,
  store = createMemoryStore(),
  bus = createLocalBus().relayBus,
  clock = systemClock,
}: LonelyRelayOptions): Promise<Relay> {
  return startRelay({
    settings: { ...settings, port },
    store,
    verifier: await createSignatureVerifier('auto'),
    bus,
    host: createLonelyHost(() => clock.nowSeconds()),
    access: EMPTY_ACCESS_LISTS,
    fallback: () => undefined,
    upgradeFallback: (_request, socket) => socket.destroy(),
    version: '0.0.0-test',
    self: '',
    offeredNips: [],
    notify: () => undefined,
    connectionPrefix: 'test.',
    reusePort: false,
    clock,
  })
}
