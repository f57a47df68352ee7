import { expect } from 'vitest'
import type { Bus } from '../bus.ts'
import { eventually } from '../testing/index.ts'
import type { Claim } from './claim.ts'

export function messageClaims(claim: Claim): void {
  claim(
    'every byte arrives as it was sent, at the other member and at the sender',
    async ({ one, other }) => {
      const here = await listen(one, 'news')
      const there = await listen(other, 'news')
      const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      one.publish('news', payload)
      await eventually(() => here.length === 1 && there.length === 1)
      expect(here[0]).toEqual(payload)
      expect(there[0]).toEqual(payload)
    },
  )

  claim('messages of one sender arrive in their order', async ({ one, other }) => {
    const heard = await listen(other, 'news')
    const texts = Array.from({ length: 500 }, (_, n) => `message ${n}`)
    for (const text of texts) one.publish('news', Buffer.from(text))
    await eventually(() => heard.length === texts.length)
    expect(heard.map(String)).toEqual(texts)
  })

  claim('a message reaches its channel alone', async ({ one, other }) => {
    const news = await listen(other, 'news')
    const sports = await listen(other, 'news:sports')
    one.publish('news:sports', Buffer.from('goal'))
    one.publish('news', Buffer.from('rain'))
    await eventually(() => news.length > 0 && sports.length > 0)
    expect([news.map(String), sports.map(String)]).toEqual([['rain'], ['goal']])
  })

  claim(
    'who has stopped listening hears nothing, and others of the same process still do',
    async ({ one }) => {
      const first: string[] = []
      const second: string[] = []
      const subscription = one.subscribe('news', (payload) => first.push(payload.toString()))
      const staying = one.subscribe('news', (payload) => second.push(payload.toString()))
      await Promise.all([subscription.ready, staying.ready])
      subscription.stop()
      one.publish('news', Buffer.from('later'))
      await eventually(() => second.length === 1)
      expect(first).toEqual([])
    },
  )

  claim('a channel that was left can be entered again', async ({ one, other }) => {
    const left = other.subscribe('news', () => {})
    await left.ready
    left.stop()
    const heard = await listen(other, 'news')
    one.publish('news', Buffer.from('again'))
    await eventually(() => heard.length === 1)
    expect(other.status().counters.subscriptions).toBe(1)
  })

  claim('a listener may publish', async ({ one, other }) => {
    const answers = await listen(one, 'answers')
    const questions = other.subscribe('questions', () => other.publish('answers', Buffer.from('yes')))
    await questions.ready
    one.publish('questions', Buffer.from('is it so?'))
    await eventually(() => answers.length === 1)
    expect(answers.map(String)).toEqual(['yes'])
  })
}

/** What arrives on a channel from now on. */
async function listen(bus: Bus, channel: string): Promise<readonly Buffer[]> {
  const heard: Buffer[] = []
  await bus.subscribe(channel, (payload) => heard.push(payload)).ready
  return heard
}
