import {
  defaultSocketPolicies,
  makeSocketPolicyAuth,
  Pool,
  PublishStatus,
  publishOne,
  requestOne,
  Socket,
  type SocketPolicy,
} from '@welshman/net'
import { finalizeEvent } from 'nostr-tools/pure'
import { describeLibrary, NEVER_MS } from './claims.ts'

// @welshman/net has no COUNT.
describeLibrary({
  name: '@welshman/net',
  async open(url, secretKey) {
    const auth: SocketPolicy[] =
      secretKey === undefined
        ? []
        : [makeSocketPolicyAuth({ sign: async (template) => finalizeEvent(template, secretKey) })]
    const pool = new Pool({ makeSocket: (relay) => new Socket(relay, [...defaultSocketPolicies, ...auth]) })
    const context = { pool }
    return {
      async publish(event) {
        const { status, detail } = await publishOne({ relay: url, event, context, timeout: NEVER_MS })
        return { isAccepted: status === PublishStatus.Success, message: detail }
      },
      // A signal of ours, because without one the library ends after 30 seconds as if EOSE had come.
      async query(filter) {
        const { signal } = new AbortController()
        const found = await requestOne({ relay: url, filters: [filter], autoClose: true, context, signal })
        return found.map(signed)
      },
      subscribe: (filter, onEvent) =>
        new Promise((resolve) => {
          const ending = new AbortController()
          void requestOne({
            relay: url,
            filters: [filter],
            context,
            signal: ending.signal,
            onEvent: (event) => onEvent(signed(event)),
            onEose: () => resolve(() => ending.abort()),
          })
        }),
      close: () => pool.clear(),
    }
  },
})

/** The library types an event as one that need not be signed. */
function signed<E extends { readonly sig?: string }>(event: E) {
  return { ...event, sig: event.sig ?? 'none' }
}
