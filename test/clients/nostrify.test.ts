import { NRelay1 } from '@nostrify/nostrify'
import { makeAuthEvent } from 'nostr-tools/nip42'
import { finalizeEvent } from 'nostr-tools/pure'
import { type Client, describeLibrary } from './claims.ts'
import { messageOf } from './kit.ts'

interface NostrifyClient extends Client {
  readonly relay: NRelay1
}

describeLibrary<NostrifyClient>({
  name: 'nostrify NRelay1',
  async open(url, secretKey) {
    const relay = new NRelay1(url, {
      backoff: false,
      idleTimeout: false,
      ...(secretKey && {
        auth: async (challenge) => finalizeEvent(makeAuthEvent(url, challenge), secretKey),
      }),
    })
    return {
      relay,
      async publish(event) {
        try {
          await relay.event(event)
          return { isAccepted: true, message: '' }
        } catch (error) {
          return { isAccepted: false, message: messageOf(error) }
        }
      },
      query: (filter) => relay.query([filter]),
      async subscribe(filter, onEvent) {
        const ending = new AbortController()
        const messages = relay.req([filter], { signal: ending.signal })
        const stored = await messages.next()
        if (stored.value?.[0] !== 'EOSE')
          throw new Error(`expected EOSE, got ${JSON.stringify(stored.value)}`)
        const listen = async () => {
          for await (const message of messages) if (message[0] === 'EVENT') onEvent(message[2])
        }
        // Ends by being aborted, which is an error to the one who reads.
        const listening = listen().catch((error) => {
          if (!ending.signal.aborted) throw error
        })
        return () => {
          ending.abort()
          void listening
        }
      },
      close: () => relay.close(),
    }
  },
  count: async ({ relay }, filter) => (await relay.count([filter])).count,
})
