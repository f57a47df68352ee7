import { SimplePool } from 'nostr-tools/pool'
import { type EventTemplate, finalizeEvent } from 'nostr-tools/pure'
import { Relay } from 'nostr-tools/relay'
import { type Client, describeLibrary, NEVER_MS } from './claims.ts'
import { type EventFields, messageOf } from './kit.ts'

interface RelayClient extends Client {
  readonly relay: Relay
}

/** One connection, managed by hand. */
describeLibrary<RelayClient>({
  name: 'nostr-tools Relay',
  async open(url, secretKey) {
    const relay = await Relay.connect(url)
    const answerOf = (event: EventFields) => accepted(relay.publish(event))
    return {
      relay,
      async publish(event) {
        const answer = await answerOf(event)
        if (secretKey === undefined || !answer.message.startsWith('auth-required:')) return answer
        await relay.auth(async (template) => finalizeEvent(template, secretKey))
        return answerOf(event)
      },
      query: (filter) => {
        const found: EventFields[] = []
        return new Promise((resolve) => {
          const subscription = relay.subscribe([filter], {
            eoseTimeout: NEVER_MS,
            onevent: (event) => found.push(event),
            oneose: () => {
              subscription.close()
              resolve(found)
            },
          })
        })
      },
      subscribe: (filter, onEvent) =>
        new Promise((resolve) => {
          const subscription = relay.subscribe([filter], {
            eoseTimeout: NEVER_MS,
            onevent: onEvent,
            oneose: () => resolve(() => subscription.close()),
          })
        }),
      close: () => relay.close(),
    }
  },
  count: ({ relay }, filter) => relay.count([filter], {}),
})

/** Many relays by their URLs; connects, authenticates and publishes again by itself. */
describeLibrary({
  name: 'nostr-tools SimplePool',
  async open(url, secretKey) {
    const pool = new SimplePool()
    const onauth = secretKey && (async (template: EventTemplate) => finalizeEvent(template, secretKey))
    return {
      publish: (event) => {
        const [answer = Promise.reject(new Error('nothing was sent'))] = pool.publish(
          [url],
          event,
          onauth && { onauth },
        )
        return accepted(answer)
      },
      query: (filter) => pool.querySync([url], filter, { maxWait: NEVER_MS }),
      subscribe: (filter, onEvent) =>
        new Promise((resolve) => {
          const subscription = pool.subscribe([url], filter, {
            maxWait: NEVER_MS,
            onevent: onEvent,
            oneose: () => resolve(() => subscription.close()),
          })
        }),
      close: () => pool.destroy(),
    }
  },
})

/** A refused event is a promise that is rejected with the relay's words. */
async function accepted(answer: Promise<string>) {
  try {
    return { isAccepted: true, message: await answer }
  } catch (error) {
    return { isAccepted: false, message: messageOf(error) }
  }
}
