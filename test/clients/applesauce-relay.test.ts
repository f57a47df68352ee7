import { Relay } from 'applesauce-relay'
import { finalizeEvent } from 'nostr-tools/pure'
import { type Client, describeLibrary, NEVER_MS } from './claims.ts'
import { type EventFields, messageOf } from './kit.ts'

interface ApplesauceClient extends Client {
  readonly relay: Relay
}

describeLibrary<ApplesauceClient>({
  name: 'applesauce-relay',
  async open(url, secretKey) {
    const relay = new Relay(url, { publishTimeout: NEVER_MS, eventTimeout: NEVER_MS })
    if (secretKey !== undefined) {
      relay.challenge$.subscribe((challenge) => {
        if (challenge !== null)
          void relay.authenticate({ signEvent: (template) => finalizeEvent(template, secretKey) })
      })
    }
    return {
      relay,
      async publish(event) {
        const { ok, message = '' } = await relay.publish(event)
        return { isAccepted: ok, message }
      },
      query: (filter) => {
        const found: EventFields[] = []
        return new Promise((resolve, reject) => {
          relay.request(filter, { timeout: NEVER_MS }).subscribe({
            next: (event) => found.push(event),
            complete: () => resolve(found),
            error: (error) => reject(new Error(messageOf(error))),
          })
        })
      },
      subscribe: (filter, onEvent) =>
        new Promise((resolve, reject) => {
          const subscription = relay.subscription(filter).subscribe({
            next: (response) => {
              if (response === 'EOSE') resolve(() => subscription.unsubscribe())
              else onEvent(response)
            },
            error: (error) => reject(new Error(messageOf(error))),
          })
        }),
      close: () => relay.close(),
    }
  },
  count: ({ relay }, filter) =>
    new Promise((resolve, reject) => {
      relay.count(filter).subscribe({
        next: ({ count }) => resolve(count),
        error: (error) => reject(new Error(messageOf(error))),
      })
    }),
})
