/** An OK is a promise that survives `kill -9`: twenty of them at random moments while events stream in. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createRandom, type Random } from '../../bench/dataset/random.ts'
import type { WireEvent } from '../conformance/kit/event.ts'
import { brokenPromises, type Told } from './crash-verdict.ts'
import { createWorkload, type Workload } from './crash-workload.ts'
import { type Answer, EventClient } from './event-client.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

/** `STOA_CRASH_SEED=… vitest run test/e2e/crash.test.ts` repeats a run, as far as a race can be repeated. */
const SEED = process.env.STOA_CRASH_SEED ?? 'agora'
const KILLS = 20
/** Every so many kills the process is killed while it starts, in the middle of its recovery. */
const START_KILL_EVERY = 5
const CONNECTIONS = 4
const MAX_UNANSWERED = 50
/** Answers that a round waits for before its kill. */
const MAX_ANSWERS = 250
const ROUND_TIMEOUT_MS = 20_000
const TIMEOUT_MS = 180_000
const IDS_PER_REQ = 500

/** Small, so that segments are sealed and compacted while events come in. */
const ENVIRONMENT = { STOA_STORE__SEGMENT_BYTES: String(1024 * 1024) }

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

/** What a writer knows of an event it has sent. */
interface Sent {
  readonly event: WireEvent
  answer: Answer | undefined
  wasInFlight: boolean
}

describe.each([{ threads: 1 }, { threads: 2 }])('with $threads thread(s)', ({ threads }) => {
  test(
    `after ${KILLS} kills every acknowledged event is there, and no refused one`,
    async () => {
      const seed = `${SEED}/${threads}`
      const random = createRandom(seed)
      const ingest = new Ingest(createWorkload(random, seed))
      const dataDir = stage.folder()
      const launch = () => stage.launch({ dataDir, threads, env: ENVIRONMENT })

      for (let kills = 0; kills < KILLS; kills += 1) {
        const stoa = launch()
        if (kills % START_KILL_EVERY === START_KILL_EVERY - 1) await sleep(random.below(600))
        else await ingestUntilSomeMoment(ingest, stoa, random)
        await stage.discard(stoa)
      }

      const stoa = launch()
      await stoa.ready
      await ingest.repeatUnanswered(stoa)
      const client = await EventClient.open(stoa.url)
      const stored = await fetchAll(
        client,
        ingest.sent.map(({ event }) => event.id),
      )
      const state = `seed ${SEED}, ${summaryOf(ingest.sent)}, ${stored.length} stored`
      expect(brokenPromises(ingest.sent.map(asTold), stored), state).toEqual([])
      expect(await stoa.stop()).toEqual({ code: 0, signal: null })
      const doctor = await stage.run(['doctor', '--data', dataDir])
      expect(doctor.stdout, state).toMatch(/^ok +event store: /m)
      expect(ingest.sent.filter(({ answer }) => answer?.isAccepted).length, state).toBeGreaterThan(1000)
      console.info(`${threads} thread(s): ${state}`)
    },
    TIMEOUT_MS,
  )
})

/** Sends until a random number of answers has come, and returns while more is on its way. */
async function ingestUntilSomeMoment(ingest: Ingest, stoa: StoaProcess, random: Random): Promise<void> {
  await stoa.ready
  const enough = ingest.answers + 1 + random.below(MAX_ANSWERS)
  const deadline = Date.now() + ROUND_TIMEOUT_MS
  await ingest.stream(stoa, () => {
    if (Date.now() > deadline) throw new Error(`too few answers\n${stoa.report()}`)
    return ingest.answers >= enough
  })
  await sleep(random.below(8))
}

/** Writers on several connections, and all they know. */
class Ingest {
  readonly sent: Sent[] = []
  answers = 0
  readonly #next: Workload

  constructor(next: Workload) {
    this.#next = next
  }

  /** First repeats what the last process left unanswered, as clients do, then goes on with new events. */
  async stream(stoa: StoaProcess, isEnough: () => boolean): Promise<void> {
    const clients = await this.#connect(stoa)
    for (const sending of this.#resend(clients)) void sending
    while (!isEnough()) {
      for (const client of clients) {
        if (!client.isOpen) throw new Error(`the connection was closed\n${stoa.report()}`)
        while (client.unanswered < MAX_UNANSWERED) void this.#send(client, this.#add(this.#next()))
      }
      await sleep(1)
    }
  }

  /** Leaves nothing without an answer. */
  async repeatUnanswered(stoa: StoaProcess): Promise<void> {
    await Promise.all(this.#resend(await this.#connect(stoa)))
  }

  #connect({ url }: StoaProcess): Promise<EventClient[]> {
    return Promise.all(Array.from({ length: CONNECTIONS }, () => EventClient.open(url)))
  }

  #resend(clients: readonly EventClient[]): Promise<void>[] {
    const unanswered = this.sent.filter(({ answer }) => answer === undefined)
    return unanswered.map((sent, n) => {
      sent.wasInFlight = true
      return this.#send(clients[n % clients.length]!, sent)
    })
  }

  #add(event: WireEvent): Sent {
    const sent = { event, answer: undefined, wasInFlight: false }
    this.sent.push(sent)
    return sent
  }

  async #send(client: EventClient, sent: Sent): Promise<void> {
    const answer = await client.publish(sent.event)
    if (answer === undefined) return
    this.answers += 1
    // A promise once given stays given: an event that is repeated may be refused because a newer one came since.
    if (sent.answer?.isAccepted !== true) sent.answer = answer
  }
}

function asTold({ event, answer, wasInFlight }: Sent): Told {
  return { event, isAccepted: answer?.isAccepted, wasInFlight }
}

async function fetchAll(client: EventClient, ids: readonly string[]): Promise<WireEvent[]> {
  const found: WireEvent[] = []
  for (let from = 0; from < ids.length; from += IDS_PER_REQ) {
    found.push(...(await client.query({ ids: ids.slice(from, from + IDS_PER_REQ), limit: IDS_PER_REQ })))
  }
  return found
}

function summaryOf(sent: readonly Sent[]): string {
  const accepted = sent.filter(({ answer }) => answer?.isAccepted === true).length
  const refused = sent.filter(({ answer }) => answer?.isAccepted === false).length
  const inFlight = sent.filter(({ wasInFlight }) => wasInFlight).length
  return `${sent.length} sent, ${accepted} accepted, ${refused} refused, ${inFlight} in flight at a kill`
}
