import { finalizeEvent, getPublicKey, verifyEvent } from 'nostr-tools/pure'
import { createRxForwardReq, createRxNostr, createRxOneshotReq, type EventSigner, noopSigner } from 'rx-nostr'
import { describeLibrary, NEVER_MS } from './claims.ts'
import { type EventFields, messageOf, nowSeconds } from './kit.ts'

// rx-nostr has no COUNT: it reads the answer, but offers nothing that asks.
describeLibrary({
  name: 'rx-nostr',
  async open(url, secretKey) {
    const rxNostr = createRxNostr({
      verifier: async (event) => verifyEvent(event),
      signer: noopSigner(),
      ...(secretKey && { authenticator: { signer: signerOf(secretKey) } }),
      retry: { strategy: 'off' },
      connectionStrategy: 'lazy-keep',
      eoseTimeout: NEVER_MS,
      okTimeout: NEVER_MS,
    })
    rxNostr.setDefaultRelays([url])
    return {
      publish: (event) =>
        new Promise((resolve, reject) => {
          rxNostr.send(event).subscribe({
            next: ({ ok, notice = '', done }) => {
              if (done) resolve({ isAccepted: ok, message: notice })
            },
            error: (error) => reject(new Error(messageOf(error))),
          })
        }),
      query: (filter) => {
        const found: EventFields[] = []
        return new Promise((resolve, reject) => {
          rxNostr.use(createRxOneshotReq({ filters: filter })).subscribe({
            next: ({ event }) => found.push(event),
            complete: () => resolve(found),
            error: (error) => reject(new Error(messageOf(error))),
          })
        })
      },
      subscribe: (filter, onEvent) =>
        new Promise((resolve) => {
          const request = createRxForwardReq()
          const subscription = rxNostr.use(request).subscribe(({ event }) => onEvent(event))
          const standing = rxNostr.createAllMessageObservable().subscribe(({ type }) => {
            if (type !== 'EOSE') return
            standing.unsubscribe()
            resolve(() => subscription.unsubscribe())
          })
          request.emit(filter)
        }),
      close: () => rxNostr.dispose(),
    }
  },
})

function signerOf(secretKey: Uint8Array): EventSigner {
  return {
    getPublicKey: async () => getPublicKey(secretKey),
    signEvent: async ({ kind, content, tags = [], created_at = nowSeconds() }) => ({
      ...finalizeEvent({ kind, content, tags, created_at }, secretKey),
      kind,
    }),
  }
}
