/** Alerts as direct messages (NIP-17): to the relays that somebody names for them, and to our own. */
import { systemClock } from './kernel/index.ts'
import { connectRelay } from './mirrors/index.ts'
import { encodeEvent, type NostrEvent } from './nostr/index.ts'
import { conversationKeyOfShared, directMessageRelays } from './nostr/messages/index.ts'
import { createDirectMessages } from './observatory/alerts/index.ts'
import { createNameResolver, guardedLookup } from './platform/internet/index.ts'
import type { Keyring, Signer } from './signer/index.ts'
import { findEvents, publishEvent } from './stoa-publish.ts'
import type { RelayUnit } from './stoa-relay.ts'

interface MessagesDeps {
  readonly keyring: Pick<Keyring, 'agreementFor'>
  readonly signer: Signer
  readonly unit: () => RelayUnit
}

/** A person's list of relays for direct messages (NIP-17). */
const DIRECT_MESSAGE_RELAYS_KIND = 10_050
const SEND_TIMEOUT_MS = 15_000
const lookup = guardedLookup(createNameResolver())

export async function alertMessages({ keyring, signer, unit }: MessagesDeps) {
  const agreement = await keyring.agreementFor('relay')
  return createDirectMessages({
    signer,
    conversationKey: async (pubkey) => conversationKeyOfShared(await agreement.sharedSecretWith(pubkey)),
    relaysOf: async (pubkey) => {
      const [list] = await findEvents(unit(), {
        kinds: [DIRECT_MESSAGE_RELAYS_KIND],
        authors: [pubkey],
        limit: 1,
      })
      return list === undefined ? [] : directMessageRelays(list)
    },
    publish: async (event, relays) => {
      // Whatever other relays do with it, here it can be fetched.
      await publishEvent(unit(), event)
      await Promise.allSettled(relays.map((url) => sendTo(url, event)))
    },
    clock: systemClock,
  })
}

/** People name relays as they like; those at private addresses are not connected to, whatever their names are. */
async function sendTo(url: string, event: NostrEvent): Promise<void> {
  const { normalizeRelayAddress } = await import('./observatory/collector/index.ts')
  const address = normalizeRelayAddress(url)
  if (!address.ok) return
  const client = await connectRelay({
    url: address.value,
    lookup,
    signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
  })
  try {
    await client.publish(event.id, encodeEvent(event))
  } finally {
    client.close()
  }
}
