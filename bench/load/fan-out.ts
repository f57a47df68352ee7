import type { NostrEvent } from '../../src/nostr/index.ts'
import { createRandom } from '../dataset/random.ts'
import { type BenchContext, sleep, withConnections } from './bench-context.ts'
import type { Connection } from './connection.ts'
import { clientFrame } from './frames.ts'
import type { Job, JobReport } from './job.ts'
import { LatencyHistogram } from './latency.ts'
import { latencyFigures, loadRemarks, rateFigures, type Stretch, startStretch } from './measuring.ts'
import { eventIdAt, idPrefix, idPrefixAt, REPLY, replyAt } from './relay-reply.ts'

type FanOutJob = Extract<Job, { scenario: 'fan-out' }>

const SUBSCRIBE_SECONDS = 30
const SETTLE_MS = 500
const FOLLOWED_AUTHORS = 20
const ACTIVE_AUTHORS = 2000

/** EVENT on one connection → EVENT on every subscription that wants it: how soon, how many, all of them? */
export async function fanOut(context: BenchContext, job: FanOutJob): Promise<JobReport> {
  const events = Array.from({ length: job.count }, (_, index) => context.live.event(job.first + index))
  const audience = createAudience(job, events, activeAuthors(context))
  return withConnections(context.target, job.connections + 1, async ([publisher, ...subscribers]) => {
    if (publisher === undefined) throw new Error('A fan-out needs at least one connection.')
    await subscribe(subscribers, audience.filters)
    const deliveries = new Deliveries(events, audience.expectedPerEvent)
    for (const subscriber of subscribers) deliveries.watch(subscriber)
    const end = startStretch(context)
    await publishAtRate(publisher, context, job, deliveries)
    await deliveries.completeWithin(job.graceSeconds)
    return deliveries.report(end())
  })
}

interface Audience {
  readonly filters: readonly object[]
  /** How many subscriptions each event reaches. */
  readonly expectedPerEvent: Uint32Array
}

function createAudience(job: FanOutJob, events: readonly NostrEvent[], authors: readonly string[]): Audience {
  if (job.audience === 'all') {
    const filters = Array.from({ length: job.subscriptions }, () => ({ kinds: [1], limit: 0 }))
    return { filters, expectedPerEvent: new Uint32Array(events.length).fill(job.subscriptions) }
  }
  const random = createRandom('audience')
  const followers = new Map<string, number>()
  const filters = Array.from({ length: job.subscriptions }, () => {
    const followed = new Set<string>()
    while (followed.size < FOLLOWED_AUTHORS) followed.add(random.pick(authors))
    for (const author of followed) followers.set(author, (followers.get(author) ?? 0) + 1)
    return { kinds: [1], authors: [...followed], limit: 0 }
  })
  return { filters, expectedPerEvent: Uint32Array.from(events, (event) => followers.get(event.pubkey) ?? 0) }
}

// Who writes first is likely to write much: the authors of live notes are among them, in proportion.
function activeAuthors({ dataset, storedCount }: BenchContext): string[] {
  const authors = new Set<string>()
  for (let index = 0; index < storedCount && authors.size < ACTIVE_AUTHORS; index++) {
    authors.add(dataset.event(index).pubkey)
  }
  return [...authors]
}

/** Opens the subscriptions, spread evenly, and waits for every EOSE. */
async function subscribe(connections: readonly Connection[], filters: readonly object[]): Promise<void> {
  const answered = Promise.withResolvers<void>()
  let waiting = filters.length
  for (const [index, connection] of connections.entries()) {
    connection.handle({
      onMessage: (buffer, start, end) => {
        const reply = replyAt(buffer, start)
        if (reply === REPLY.eose && --waiting === 0) answered.resolve()
        if (reply === REPLY.closed || reply === REPLY.notice) {
          answered.reject(
            new Error(`The relay refused a subscription: ${buffer.toString('utf8', start, end)}`),
          )
        }
      },
    })
    const own = filters.filter((_filter, filter) => filter % connections.length === index)
    connection.write(
      Buffer.concat(own.map((filter, number) => clientFrame(JSON.stringify(['REQ', `s${number}`, filter])))),
    )
  }
  const timeout = setTimeout(
    () => answered.reject(new Error(`${waiting} subscriptions had no EOSE after ${SUBSCRIBE_SECONDS} s.`)),
    SUBSCRIBE_SECONDS * 1000,
  )
  await answered.promise.finally(() => clearTimeout(timeout))
  await sleep(SETTLE_MS)
}

async function publishAtRate(
  publisher: Connection,
  context: BenchContext,
  job: FanOutJob,
  deliveries: Deliveries,
): Promise<void> {
  publisher.handle({
    onMessage: (buffer, start, end) => {
      if (replyAt(buffer, start) === REPLY.ok) deliveries.takeOk(buffer.toString('utf8', start, end))
    },
  })
  const send = (from: number, to: number) => {
    deliveries.published(from, to)
    publisher.write(context.live.frames(job.first + from, job.first + to))
  }
  if (job.eventsPerSecond === 'burst') return send(0, job.count)
  const startedMs = performance.now()
  for (let sent = 0; sent < job.count; ) {
    const due = Math.ceil(((performance.now() - startedMs) / 1000) * job.eventsPerSecond)
    const to = Math.min(job.count, due)
    if (to > sent) send(sent, to)
    sent = Math.max(sent, to)
    await sleep(1)
  }
}

class Deliveries {
  readonly #indexByPrefix: ReadonlyMap<number, number>
  readonly #expected: Uint32Array
  readonly #expectedTotal: number
  readonly #counts: Uint32Array
  readonly #sentAtMs: Float64Array
  readonly #latency = new LatencyHistogram()
  readonly #complete = Promise.withResolvers<void>()
  readonly #refusals = new Map<string, number>()
  #delivered = 0
  #surplus = 0

  constructor(events: readonly NostrEvent[], expectedPerEvent: Uint32Array) {
    this.#indexByPrefix = new Map(events.map((event, index) => [idPrefix(event.id), index]))
    this.#expected = expectedPerEvent
    this.#expectedTotal = expectedPerEvent.reduce((sum, count) => sum + count, 0)
    this.#counts = new Uint32Array(events.length)
    this.#sentAtMs = new Float64Array(events.length)
  }

  published(from: number, to: number): void {
    this.#sentAtMs.fill(performance.now(), from, to)
  }

  watch(subscriber: Connection): void {
    let nowMs = 0
    subscriber.handle({
      onMessage: (buffer, start, end) => {
        if (replyAt(buffer, start) !== REPLY.event) return
        // One look at the clock for all deliveries of a read.
        if (nowMs === 0) nowMs = performance.now()
        this.#take(buffer, start, end, nowMs)
      },
      onReadEnd: () => {
        nowMs = 0
      },
    })
  }

  takeOk(message: string): void {
    const [, , isAccepted, reason] = JSON.parse(message) as unknown[]
    if (isAccepted === true && !String(reason).startsWith('duplicate')) return
    this.#refusals.set(String(reason), (this.#refusals.get(String(reason)) ?? 0) + 1)
  }

  /** Resolves when every delivery has come, or when the time is over. */
  async completeWithin(seconds: number): Promise<void> {
    const timeout = setTimeout(() => this.#complete.resolve(), seconds * 1000)
    await this.#complete.promise
    clearTimeout(timeout)
  }

  report(stretch: Stretch): JobReport {
    const remarks = loadRemarks(stretch)
    for (const [reason, count] of this.#refusals) remarks.push(`${count} events not taken: ${reason}`)
    if (this.#surplus > 0) remarks.push(`${this.#surplus} deliveries came twice or unasked`)
    const missing = this.#expectedTotal - this.#delivered
    if (missing > 0) remarks.push(`${missing} of ${this.#expectedTotal} deliveries did not come in time`)
    return {
      figures: {
        ...rateFigures(this.#delivered, stretch),
        ...latencyFigures(this.#latency),
        completeness: this.#delivered / this.#expectedTotal,
        deliveriesPerEvent: this.#expectedTotal / this.#expected.length,
      },
      remarks,
    }
  }

  #take(buffer: Buffer, start: number, end: number, nowMs: number): void {
    const index = this.#indexByPrefix.get(idPrefixAt(buffer, eventIdAt(buffer, start, end)))
    if (index === undefined) return
    if (this.#counts[index] === this.#expected[index]) {
      this.#surplus += 1
      return
    }
    this.#counts[index]! += 1
    this.#delivered += 1
    this.#latency.record(nowMs - this.#sentAtMs[index]!)
    if (this.#delivered === this.#expectedTotal) this.#complete.resolve()
  }
}
