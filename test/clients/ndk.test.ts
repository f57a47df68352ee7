import NDK, {
  NDKEvent,
  NDKPrivateKeySigner,
  NDKPublishError,
  NDKRelaySet,
  NDKSubscriptionCacheUsage,
} from '@nostr-dev-kit/ndk'
import { type Client, describeLibrary, NEVER_MS } from './claims.ts'
import type { EventFields } from './kit.ts'

interface NdkClient extends Client {
  readonly relays: NDKRelaySet
}

describeLibrary<NdkClient>({
  name: 'NDK',
  async open(url, secretKey) {
    const ndk = new NDK({
      explicitRelayUrls: [url],
      // Everything that would look for other relays.
      enableOutboxModel: false,
      autoConnectUserRelays: false,
      outboxRelayUrls: [],
      // Check every signature: a library that samples would hide what it was sent.
      initialValidationRatio: 1,
      lowestValidationRatio: 1,
    })
    if (secretKey !== undefined) {
      ndk.signer = new NDKPrivateKeySigner(secretKey, ndk)
      // Not `NDKRelayAuthPolicies.signIn`: NDK 3.0.3 answers the challenge for it, but sends again what had been refused
      // only when the policy says `true` and leaves the signing to NDK; a publish would wait for ever.
      ndk.relayAuthDefaultPolicy = async () => true
    }
    await ndk.connect()
    const relays = NDKRelaySet.fromRelayUrls([url], ndk)
    return {
      relays,
      async publish(event) {
        try {
          await new NDKEvent(ndk, { ...event }).publish(relays, NEVER_MS)
          return { isAccepted: true, message: '' }
        } catch (error) {
          if (error instanceof NDKPublishError) return { isAccepted: false, message: error.relayErrors }
          throw error
        }
      },
      query: async (filter) => {
        const events = await ndk.fetchEvents(filter, { closeOnEose: true }, relays)
        return [...events].map(signed)
      },
      subscribe: (filter, onEvent) =>
        new Promise((resolve) => {
          const subscription = ndk.subscribe(filter, {
            closeOnEose: false,
            relaySet: relays,
            cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY,
            onEvent: (event) => onEvent(signed(event)),
            onEose: () => resolve(() => subscription.stop()),
          })
        }),
      close: () => {
        for (const relay of ndk.pool.relays.values()) relay.disconnect()
      },
    }
  },
  count: async ({ relays }, filter) => (await relays.count(filter, { timeout: NEVER_MS })).count,
})

function signed({
  id,
  pubkey,
  created_at = Number.NaN,
  kind,
  tags,
  content,
  sig = 'none',
}: NDKEvent): EventFields {
  return { id, pubkey, created_at, kind, tags, content, sig }
}
