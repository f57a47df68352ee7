/** A slow or hostile client costs only itself: an honest one is served while all the others do their worst. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { byNewest, type WireEvent } from '../conformance/kit/event.ts'
import { authorNamed, eventBy } from './authors.ts'
import { EventClient } from './event-client.ts'
import type { HostileThreadData } from './hostile-thread.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

const SEED = process.env.STOA_FUZZ_SEED ?? 'agora'
const WAVE_MS = 6_000
/** What the process may have grown by in the second wave, when it had time to tidy up. */
const GROWTH_BYTES = 200 * 1024 * 1024
const TIDY_UP_MS = 15_000

/** All clients come from one address here: limits per address would protect the relay, and stop the honest one as well. */
const UNLIMITED = {
  STOA_RELAY__RATES__EVENTS_PER_SECOND: '0',
  STOA_RELAY__RATES__REQUESTS_PER_SECOND: '0',
}

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe.each([{ threads: 1 }, { threads: 2 }])('with $threads thread(s)', ({ threads }) => {
  test(`an honest client gets every answer in a crowd of hostile ones (seed ${SEED})`, async () => {
    const stoa = await stage.start({ threads, env: UNLIMITED })
    const honest = new HonestClient(await EventClient.open(stoa.url))
    await fillStore(stoa)
    await honest.work(30)
    const quiet = honest.latencies()
    // A first wave, after which every buffer and every piece of compiled code is there that there will be.
    await besiege(stoa, honest, 1)
    honest.latencies()
    const before = memoryOf(stoa)
    await besiege(stoa, honest, 2)
    const besieged = honest.latencies()
    await honest.work(30)
    await honest.expectEverything()

    const now = await untilBelow(stoa, before + GROWTH_BYTES)
    print({ threads, quiet, besieged, after: honest.latencies(), before, peak: peakMemoryOf(stoa), now })
    expect(now - before).toBeLessThan(GROWTH_BYTES)
    expect(await metricOf(stoa, 'stoa_relay_messages_total{verb="malformed"}')).toBeGreaterThan(1_000)
    expect(await metricOf(stoa, 'stoa_relay_connections_opened_total')).toBeGreaterThan(400)
    expect(stoa.hasEnded).toBe(false)
    expect(await stoa.stop()).toEqual({ code: 0, signal: null })
  }, 90_000)
})

/** All hostile clients at once, while the honest one works; until the last of them is gone and forgotten. */
async function besiege(stoa: StoaProcess, honest: HonestClient, wave: number): Promise<void> {
  const data: HostileThreadData = { url: stoa.url, seed: `${SEED} ${wave}`, forMs: WAVE_MS }
  const attackers = new Worker(new URL('./hostile-thread.ts', import.meta.url), { workerData: data })
  let areThere = true
  const over = once(attackers, 'exit').finally(() => {
    areThere = false
  })
  while (areThere) await honest.work(1)
  expect(await over).toEqual([0])
  expect(await untilAlone(stoa)).toEqual({ connections: 1, subscriptions: 0 })
}

/** Some megabytes, so that there is something to ask for. */
async function fillStore({ url }: StoaProcess): Promise<void> {
  const client = await EventClient.open(url)
  const bob = authorNamed('bob')
  const notes = Array.from({ length: 1_000 }, (_, n) =>
    eventBy(bob, { content: `${n} ${'long '.repeat(1_000)}` }),
  )
  const answers = await Promise.all(notes.map((note) => client.publish(note)))
  expect(answers.filter((answer) => answer?.isAccepted !== true)).toEqual([])
  client.close()
}

/** Publishes and asks, one thing after the other, and knows what the answers have to be. */
class HonestClient {
  readonly #client: EventClient
  readonly #author = authorNamed('alice')
  readonly #published: WireEvent[] = []
  #latenciesMs: number[] = []

  constructor(client: EventClient) {
    this.#client = client
  }

  async work(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const number = this.#published.length
      const event = eventBy(this.#author, { content: `note ${number}`, tags: [['t', `topic ${number % 7}`]] })
      this.#published.push(event)
      expect(await this.#timed(this.#client.publish(event))).toEqual({ isAccepted: true, text: '' })
      expect(await this.#timed(this.#client.query({ ids: [event.id] }))).toEqual([event])
      const recent = this.#client.query({ authors: [this.#author.pubkey], kinds: [1], limit: 20 })
      expect(await this.#timed(recent)).toEqual(this.#published.toSorted(byNewest).slice(0, 20))
    }
  }

  async expectEverything(): Promise<void> {
    for (let topic = 0; topic < 7; topic++) {
      const found = await this.#client.query({
        authors: [this.#author.pubkey],
        '#t': [`topic ${topic}`],
        limit: 5_000,
      })
      expect(found).toEqual(this.#published.filter((_, n) => n % 7 === topic).toSorted(byNewest))
    }
  }

  /** Of the answers since the last call, in milliseconds. */
  latencies(): {
    readonly answers: number
    readonly median: number
    readonly p99: number
    readonly worst: number
  } {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b)
    this.#latenciesMs = []
    const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10
    return { answers: sorted.length, median: at(0.5), p99: at(0.99), worst: Math.round(sorted.at(-1) ?? 0) }
  }

  async #timed<T>(answer: Promise<T>): Promise<T> {
    const startMs = performance.now()
    const value = await answer
    this.#latenciesMs.push(performance.now() - startMs)
    return value
  }
}

/** What the relay holds when the others are gone; the last it said when they do not seem to go. */
async function untilAlone(stoa: StoaProcess): Promise<unknown> {
  const endMs = Date.now() + TIDY_UP_MS
  for (;;) {
    const response = await fetch(stoa.httpUrl('/health'))
    const health: { components?: { relay?: { connections?: number; subscriptions?: number } } } = JSON.parse(
      await response.text(),
    )
    const { connections, subscriptions } = health.components?.relay ?? {}
    if ((connections === 1 && subscriptions === 0) || Date.now() > endMs)
      return { connections, subscriptions }
    await sleep(200)
  }
}

async function metricOf(stoa: StoaProcess, name: string): Promise<number> {
  const metrics = await (await fetch(stoa.httpUrl('/metrics'))).text()
  return Number(
    metrics
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length),
  )
}

async function untilBelow(stoa: StoaProcess, bytes: number): Promise<number> {
  const endMs = Date.now() + TIDY_UP_MS
  let now = memoryOf(stoa)
  while (now >= bytes && Date.now() < endMs) {
    await sleep(500)
    now = memoryOf(stoa)
  }
  return now
}

function memoryOf(stoa: StoaProcess): number {
  return statusOf(stoa, 'VmRSS')
}

function peakMemoryOf(stoa: StoaProcess): number {
  return statusOf(stoa, 'VmHWM')
}

/** A line of Linux's account of the process, in bytes; elsewhere 0, and then nothing is claimed about memory. */
function statusOf(stoa: StoaProcess, name: string): number {
  if (process.platform !== 'linux') return 0
  const status = readFileSync(`/proc/${stoa.pid}/status`, 'latin1')
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1_024
}

function print({ before, peak, now, ...facts }: Readonly<Record<string, unknown>>): void {
  const mib = (bytes: unknown) => `${Math.round(Number(bytes) / 2 ** 20)} MiB`
  const memory = `memory before ${mib(before)}, peak ${mib(peak)}, after ${mib(now)}`
  console.info(`fuzz: ${memory}; honest client, ms: ${JSON.stringify(facts)}`)
}
