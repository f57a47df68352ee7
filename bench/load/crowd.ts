import { type BenchContext, sleep, withConnections } from './bench-context.ts'
import { type Connection, openStrangers } from './connection.ts'
import { clientFrame } from './frames.ts'
import { HostileThread } from './hostile-thread.ts'
import type { Job, JobReport } from './job.ts'
import { LatencyHistogram } from './latency.ts'
import { latencyFigures, loadRemarks, rateFigures, type Stretch, startStretch } from './measuring.ts'
import { createFilters } from './queries.ts'
import { idPrefixAt, REPLY, replyAt, secondMemberAt } from './relay-reply.ts'

type CrowdJob = Extract<Job, { scenario: 'crowd' }>

const DIFFERENT_QUERIES = 500
const WARM_UP_MS = 1000
const GRACE_MS = 20_000
const POLL_MS = 20

/**
 * EVENT → OK and REQ → EOSE of honest clients that write and ask at a steady rate, whatever the others do. The next
 * one does not wait for the answer to the last (an open loop), so that a relay that stalls is seen to.
 */
export async function crowd(context: BenchContext, job: CrowdJob): Promise<JobReport> {
  const measure = async (connections: readonly Connection[]) => {
    const hostile = await HostileThread.start(context.setup, job.hostile)
    try {
      await sleep(WARM_UP_MS)
      const crowd = new HonestCrowd(context, job)
      const end = startStretch(context)
      await crowd.run(connections)
      return crowd.report(end())
    } finally {
      await hostile.stop()
    }
  }
  return withConnections(context.target, job.honest, measure, openStrangers)
}

class HonestCrowd {
  readonly #context: BenchContext
  readonly #job: CrowdJob
  readonly #requests: readonly string[]
  readonly #latency = { EVENT: new LatencyHistogram(), REQ: new LatencyHistogram() }
  /** When each was sent that is not yet answered: events by their id, requests by connection and subscription id. */
  readonly #open = new Map<number | string, number>()
  #refused = 0

  constructor(context: BenchContext, job: CrowdJob) {
    this.#context = context
    this.#job = job
    const filters = createFilters('authors20-kind1', context.dataset, context.storedCount, DIFFERENT_QUERIES)
    this.#requests = filters.map((filter) => JSON.stringify(filter))
  }

  async run(connections: readonly Connection[]): Promise<void> {
    for (const [index, connection] of connections.entries()) this.#listen(connection, index)
    const startedMs = performance.now()
    const total = this.#job.perSecond * this.#job.seconds
    for (let sent = 0; sent < total; ) {
      const due = Math.ceil(((performance.now() - startedMs) / 1000) * this.#job.perSecond)
      for (const to = Math.min(total, due); sent < to; sent++) this.#send(connections, sent)
      await sleep(1)
    }
    for (let waitedMs = 0; this.#open.size > 0 && waitedMs < GRACE_MS; waitedMs += POLL_MS)
      await sleep(POLL_MS)
  }

  report(stretch: Stretch): JobReport {
    const { verb } = this.#job
    const remarks = loadRemarks(stretch)
    if (this.#open.size > 0) remarks.push(`${this.#open.size} were not answered in ${GRACE_MS / 1000} s`)
    if (this.#refused > 0) remarks.push(`${this.#refused} of the honest were refused`)
    return {
      figures: {
        ...rateFigures(this.#latency[verb].count, stretch),
        ...latencyFigures(this.#latency[verb]),
        refused: this.#refused,
      },
      remarks,
    }
  }

  /** One EVENT by one client and one REQ by the next. */
  #send(connections: readonly Connection[], number: number): void {
    const at = this.#job.first + number
    const publisher = connections[number % connections.length]!
    const asker = (number + 1) % connections.length
    const nowMs = performance.now()
    this.#open.set(this.#context.live.idPrefix(at), nowMs)
    publisher.write(this.#context.live.frames(at, at + 1))
    const id = `q${number}`
    this.#open.set(`${asker}/${id}`, nowMs)
    const filter = this.#requests[number % this.#requests.length]!
    connections[asker]!.write(clientFrame(`["REQ","${id}",${filter}]`))
  }

  #listen(connection: Connection, index: number): void {
    connection.handle({
      onMessage: (buffer, start, end) => {
        const reply = replyAt(buffer, start)
        if (reply === REPLY.event) return
        const second = secondMemberAt(buffer, start)
        if (reply === REPLY.ok) {
          if (!buffer.toString('latin1', second + 64, second + 72).includes('true')) this.#refused += 1
          this.#answered('EVENT', idPrefixAt(buffer, second))
        }
        if (reply !== REPLY.eose && reply !== REPLY.closed) return
        if (reply === REPLY.closed) this.#refused += 1
        const id = buffer.toString('latin1', second, buffer.indexOf('"', second))
        this.#answered('REQ', `${index}/${id}`)
        if (reply === REPLY.eose && end > start) connection.write(clientFrame(`["CLOSE","${id}"]`))
      },
    })
  }

  #answered(verb: 'EVENT' | 'REQ', key: number | string): void {
    const sentAtMs = this.#open.get(key)
    if (sentAtMs === undefined) return
    this.#open.delete(key)
    this.#latency[verb].record(performance.now() - sentAtMs)
  }
}
