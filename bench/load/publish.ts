import type { BenchContext } from './bench-context.ts'
import { withConnections } from './bench-context.ts'
import type { Connection } from './connection.ts'
import type { Corpus } from './corpus.ts'
import type { Job, JobReport } from './job.ts'
import { LatencyHistogram } from './latency.ts'
import { latencyFigures, loadRemarks, rateFigures, type Stretch, startStretch } from './measuring.ts'
import { idPrefixAt, REPLY, replyAt, secondMemberAt } from './relay-reply.ts'

type PublishJob = Extract<Job, { scenario: 'publish' }>

const DRAIN_SECONDS = 20
const CHARACTER_T = 0x74
// `["OK","<id>",true,""]` is 80 bytes: more of them hold a reason, such as `duplicate:`.
const BYTES_WITHOUT_REASON = 84

/** EVENT → OK: how many a second, how soon, at what cost. */
export async function publish(context: BenchContext, job: PublishJob): Promise<JobReport> {
  const corpus = job.source === 'real' ? context.real : context.dataset
  if (corpus === undefined) throw new Error('There are no real events beside this checkout.')
  const publication = new Publication(corpus, job)
  return withConnections(context.target, job.connections, async (connections) => {
    const end = startStretch(context)
    await publication.run(connections)
    return publication.report(end())
  })
}

class Publication {
  readonly #corpus: Corpus
  readonly #job: PublishJob
  readonly #end: number
  readonly #latency = new LatencyHistogram()
  readonly #indexByPrefix = new Map<number, number>()
  readonly #sentAtMs: Float64Array
  readonly #finished = Promise.withResolvers<void>()
  readonly #refusals = new Map<string, number>()
  #next: number
  #answered = 0
  #accepted = 0
  #duplicates = 0
  #isTimeUp = false

  constructor(corpus: Corpus, job: PublishJob) {
    this.#corpus = corpus
    this.#job = job
    this.#next = job.first
    this.#end = Math.min(corpus.count, job.first + job.count)
    this.#sentAtMs = new Float64Array(this.#end - job.first)
    for (let index = job.first; index < this.#end; index++)
      this.#indexByPrefix.set(corpus.idPrefix(index), index)
  }

  async run(connections: readonly Connection[]): Promise<void> {
    for (const connection of connections) this.#serve(connection)
    const timeUp = setTimeout(() => this.#stopSending(), this.#job.timeoutSeconds * 1000)
    const giveUp = setTimeout(
      () => this.#finished.resolve(),
      (this.#job.timeoutSeconds + DRAIN_SECONDS) * 1000,
    )
    for (const connection of connections) this.#send(connection, this.#job.window)
    await this.#finished.promise
    clearTimeout(timeUp)
    clearTimeout(giveUp)
  }

  report(stretch: Stretch): JobReport {
    const sent = this.#next - this.#job.first
    const remarks = loadRemarks(stretch)
    if (this.#isTimeUp)
      remarks.push(`stopped after ${sent} events, when ${this.#job.timeoutSeconds} s were over`)
    if (this.#answered < sent) remarks.push(`${sent - this.#answered} events were never answered`)
    if (this.#duplicates > sent / 100)
      remarks.push(`${this.#duplicates} were duplicates: empty the relay or change --seed`)
    for (const [reason, count] of this.#refusals) {
      if (count > sent / 100) remarks.push(`${count} of ${sent} refused: ${reason}`)
    }
    return {
      figures: {
        ...rateFigures(this.#answered, stretch),
        ...latencyFigures(this.#latency),
        accepted: this.#accepted,
        refused: this.#answered - this.#accepted,
        duplicates: this.#duplicates,
      },
      remarks,
    }
  }

  #serve(connection: Connection): void {
    let nowMs = 0
    let freed = 0
    connection.handle({
      onMessage: (buffer, start, end) => {
        if (replyAt(buffer, start) !== REPLY.ok) return
        // One look at the clock for all answers of a read.
        if (freed === 0) nowMs = performance.now()
        if (this.#takeOk(buffer, start, end, nowMs)) freed += 1
      },
      onReadEnd: () => {
        this.#send(connection, freed)
        freed = 0
      },
    })
  }

  #takeOk(buffer: Buffer, start: number, end: number, nowMs: number): boolean {
    const id = secondMemberAt(buffer, start)
    const prefix = idPrefixAt(buffer, id)
    const index = this.#indexByPrefix.get(prefix)
    if (index === undefined) return false
    this.#indexByPrefix.delete(prefix)
    this.#latency.record(nowMs - this.#sentAtMs[index - this.#job.first]!)
    this.#answered += 1
    const isTrue = buffer[id + 66] === CHARACTER_T || buffer[id + 67] === CHARACTER_T
    if (isTrue) this.#accepted += 1
    if (!isTrue || end - start > BYTES_WITHOUT_REASON)
      this.#takeReason(isTrue, buffer.toString('utf8', start, end))
    if (this.#answered === this.#next - this.#job.first && this.#isAllSent()) this.#finished.resolve()
    return true
  }

  #takeReason(isTrue: boolean, message: string): void {
    const [, , , text] = JSON.parse(message) as unknown[]
    const reason = String(text)
    if (reason.startsWith('duplicate')) this.#duplicates += 1
    if (!isTrue) this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1)
  }

  #send(connection: Connection, count: number): void {
    if (count === 0 || this.#isAllSent()) return
    const from = this.#next
    const to = Math.min(this.#end, from + count)
    this.#sentAtMs.fill(performance.now(), from - this.#job.first, to - this.#job.first)
    this.#next = to
    connection.write(this.#corpus.frames(from, to))
  }

  #stopSending(): void {
    this.#isTimeUp = true
    if (this.#answered === this.#next - this.#job.first) this.#finished.resolve()
  }

  #isAllSent(): boolean {
    return this.#isTimeUp || this.#next === this.#end
  }
}
