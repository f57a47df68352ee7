import { type BenchContext, withConnections } from './bench-context.ts'
import type { Connection } from './connection.ts'
import { clientFrame } from './frames.ts'
import type { Job, JobReport } from './job.ts'
import { LatencyHistogram } from './latency.ts'
import { latencyFigures, loadRemarks, rateFigures, type Stretch, startStretch } from './measuring.ts'
import { createFilters, type WireFilter } from './queries.ts'
import { REPLY, replyAt, secondMemberAt } from './relay-reply.ts'

type RequestJob = Extract<Job, { scenario: 'request' }>

const DIFFERENT_QUERIES = 2000
const DRAIN_SECONDS = 30
const WARM_UP_SHARE = 0.25
const FIRST_SLOT_CHARACTER = 0x61
/** Requests whose events are compared between relays: the same ones, however many each relay gets done. */
const COMPARED_REQUESTS = 160

/**
 * REQ → EOSE, then CLOSE with the next REQ in one write; or COUNT → COUNT. A quarter of the time goes before to
 * warm the relay up.
 */
export async function request(context: BenchContext, job: RequestJob): Promise<JobReport> {
  const filters = createFilters(job.shape, context.dataset, context.storedCount, DIFFERENT_QUERIES)
  const slots = createSlots(job, filters)
  return withConnections(context.target, job.connections, async (connections) => {
    await new Asking(slots).run(connections, WARM_UP_SHARE * job.seconds)
    const asking = new Asking(slots)
    const end = startStretch(context)
    await asking.run(connections, job.seconds)
    return asking.report(end(), job)
  })
}

/** A place in the window: its own subscription id and its own queries, in turn. */
interface Slot {
  readonly first: readonly Buffer[]
  /** The same requests, each with a CLOSE of the one before in front. */
  readonly next: readonly Buffer[]
}

// Slots differ in their ids' last letter, by which an answer finds its slot. A COUNT with a limit counts to there.
function createSlots(job: RequestJob, filters: readonly WireFilter[]): Slot[] {
  return Array.from({ length: job.window }, (_, slot) => {
    const id = `q${String.fromCharCode(FIRST_SLOT_CHARACTER + slot)}`
    const close = job.verb === 'REQ' ? clientFrame(JSON.stringify(['CLOSE', id])) : Buffer.alloc(0)
    const own = filters.filter((_filter, index) => index % job.window === slot)
    const next = own.map((filter) => {
      const asked = job.verb === 'COUNT' ? { ...filter, limit: undefined } : filter
      return Buffer.concat([close, clientFrame(JSON.stringify([job.verb, id, asked]))])
    })
    return { first: next.map((frames) => frames.subarray(close.length)), next }
  })
}

class Asking {
  readonly #slots: readonly Slot[]
  readonly #latency = new LatencyHistogram()
  readonly #finished = Promise.withResolvers<void>()
  readonly #refusals = new Set<string>()
  /** Requests asked so far in each slot, by all connections. */
  readonly #turns: number[]
  #open = 0
  #answered = 0
  #comparedRequests = 0
  #comparedEvents = 0
  #refused = 0
  #isOver = false

  constructor(slots: readonly Slot[]) {
    this.#slots = slots
    this.#turns = slots.map(() => 0)
  }

  async run(connections: readonly Connection[], seconds: number): Promise<void> {
    const over = setTimeout(() => this.#stop(), seconds * 1000)
    const giveUp = setTimeout(() => this.#finished.resolve(), (seconds + DRAIN_SECONDS) * 1000)
    for (const connection of connections) this.#serve(connection)
    await this.#finished.promise
    clearTimeout(over)
    clearTimeout(giveUp)
  }

  report(stretch: Stretch, job: RequestJob): JobReport {
    const remarks = loadRemarks(stretch)
    if (this.#refused > 0) {
      remarks.push(`${this.#refused} of ${this.#answered} refused: ${[...this.#refusals].join('; ')}`)
    }
    if (this.#open > 0) remarks.push(`${this.#open} were not answered in ${job.seconds + DRAIN_SECONDS} s`)
    return {
      figures: {
        ...rateFigures(this.#answered, stretch),
        ...latencyFigures(this.#latency),
        refused: this.#refused,
        ...(job.verb === 'REQ' && this.#comparedRequests > 0
          ? { eventsPerRequest: this.#comparedEvents / this.#comparedRequests }
          : {}),
      },
      remarks,
    }
  }

  #serve(connection: Connection): void {
    const open = this.#slots.map(() => ({ turn: 0, askedAtMs: 0, events: 0 }))
    let waiting: Buffer[] = []

    const ask = (slot: number, frames: readonly Buffer[]) => {
      const turn = this.#turns[slot]!++
      waiting.push(frames[turn % frames.length]!)
      open[slot] = { turn, askedAtMs: performance.now(), events: 0 }
      this.#open += 1
    }
    const flush = () => {
      if (waiting.length === 0) return
      connection.write(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting))
      waiting = []
    }
    const takeAnswer = (slot: number) => {
      const { turn, askedAtMs, events } = open[slot]!
      this.#latency.record(performance.now() - askedAtMs)
      this.#answered += 1
      this.#open -= 1
      if (turn < COMPARED_REQUESTS / this.#slots.length) {
        this.#comparedRequests += 1
        this.#comparedEvents += events
      }
      if (!this.#isOver) ask(slot, this.#slots[slot]!.next)
      else if (this.#open === 0) this.#finished.resolve()
    }

    connection.handle({
      onMessage: (buffer, start, end) => {
        const reply = replyAt(buffer, start)
        if (reply === REPLY.event) open[slotAt(buffer, start)]!.events += 1
        else if (reply === REPLY.eose || reply === REPLY.count) takeAnswer(slotAt(buffer, start))
        else if (reply === REPLY.closed || reply === REPLY.notice) {
          this.#takeRefusal(buffer.toString('utf8', start, end))
          if (reply === REPLY.closed) takeAnswer(slotAt(buffer, start))
        }
      },
      onReadEnd: flush,
    })
    this.#slots.forEach((slot, index) => {
      ask(index, slot.first)
    })
    flush()
  }

  #takeRefusal(message: string): void {
    this.#refused += 1
    const parts: unknown = JSON.parse(message)
    if (Array.isArray(parts) && this.#refusals.size < 3) this.#refusals.add(String(parts.at(-1)))
  }

  #stop(): void {
    this.#isOver = true
    if (this.#open === 0) this.#finished.resolve()
  }
}

function slotAt(buffer: Buffer, start: number): number {
  return buffer[secondMemberAt(buffer, start) + 1]! - FIRST_SLOT_CHARACTER
}
