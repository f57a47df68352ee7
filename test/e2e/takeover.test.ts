/** A new version takes the place of the running one while clients come and go. */
import { afterEach, expect, test, vi } from 'vitest'
import { authorNamed, eventBy } from './authors.ts'
import { EventClient } from './event-client.ts'
import { Stage } from './stoa-process.ts'

vi.setConfig({ testTimeout: 120_000 })

const alice = authorNamed('alice')
const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

test.skipIf(process.platform !== 'linux').each([{ threads: 1 }, { threads: 3 }])(
  'with $threads thread(s) nobody is refused, and what was accepted before is there after',
  async ({ threads }) => {
    const first = await stage.start({ threads })
    const port = Number(new URL(first.url).port)
    const before = eventBy(alice, { content: 'before' })
    const client = await EventClient.open(first.url)
    expect(await client.publish(before)).toEqual({ isAccepted: true, text: '' })

    const visits = new Visits(first.url)
    const second = stage.launch({ dataDir: first.dataDir, threads, port, takesOver: true })
    await second.ready
    expect(await first.untilEnded()).toEqual({ code: 0, signal: null })
    expect(await client.ended).toBe(1012)
    const { served, refused } = await visits.end()
    expect(refused.filter((text) => text.includes('ECONNREFUSED'))).toEqual([])
    // The system may reset the one that knocks between the last look and the close (net.ipv4.tcp_migrate_req mends it).
    expect(refused.length).toBeLessThanOrEqual(1)
    expect(served).toBeGreaterThan(10)

    const after = await EventClient.open(second.url)
    expect(await after.query({ ids: [before.id] })).toEqual([before])
    expect(await after.publish(eventBy(alice, { content: 'after' }))).toEqual({ isAccepted: true, text: '' })
  },
)

test('with nothing to take over it starts like any other', async () => {
  const stoa = await stage.start({ takesOver: true })
  const client = await EventClient.open(stoa.url)
  expect(await client.publish(eventBy(alice, {}))).toEqual({ isAccepted: true, text: '' })
})

/** Clients who connect one after another, as long as it lasts. */
class Visits {
  #isOver = false
  readonly #all: Promise<void>[]
  readonly #refused: string[] = []
  #served = 0

  constructor(url: string) {
    this.#all = Array.from({ length: 4 }, () => this.#visit(url))
  }

  async end(): Promise<{ readonly served: number; readonly refused: readonly string[] }> {
    this.#isOver = true
    await Promise.all(this.#all)
    return { served: this.#served, refused: this.#refused }
  }

  async #visit(url: string): Promise<void> {
    while (!this.#isOver) {
      try {
        const client = await EventClient.open(url)
        this.#served++
        client.close()
      } catch (error) {
        this.#refused.push(error instanceof Error ? error.message : String(error))
      }
    }
  }
}
