import { type ChildProcess, spawn } from 'node:child_process'
import { type OutsideAnswer, parseOutsideAnswer } from './outside-answer.ts'

/** A line longer than this is no answer. */
const MAX_LINE_CHARACTERS = 64 * 1024
/** Questions in the pipe that the program has not read yet. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024
/** A program that was asked to end and does not is ended. */
const KILL_AFTER_MS = 2_000
/** A program may take so long to answer for the first time: it has to start. */
const START_MS = 10_000

export interface PluginProcessOptions {
  readonly command: readonly string[]
  readonly timeoutMs: number
  readonly maxWaiting: number
  /** Called once: it ended, could not be started, or did not answer in time. */
  readonly onFailed: (why: string) => void
}

interface Waiting {
  readonly answer: Promise<OutsideAnswer | undefined>
  settle(answer: OutsideAnswer | undefined): void
}

/** One running plugin: questions go in by its standard input, answers come by its standard output, told apart by id. */
export class PluginProcess {
  readonly #options: PluginProcessOptions
  readonly #child: ChildProcess
  readonly #waiting = new Map<string, Waiting>()
  readonly #startedAtMs = performance.now()
  #rest = ''
  #hasAnswered = false
  #state: 'running' | 'retiring' | 'ended' = 'running'

  constructor(options: PluginProcessOptions) {
    const [program = '', ...args] = options.command
    this.#options = options
    // What it writes to standard error goes to ours, where strfry's plugins write their log.
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout?.setEncoding('utf8')
    this.#child.stdout?.on('data', (text: string) => this.#read(text))
    // A pipe that breaks is told again by `exit`.
    this.#child.stdin?.on('error', () => {})
    this.#child.on('error', (error) => this.#fail(error.message))
    this.#child.on('exit', (code, signal) => this.#fail(`it ended with ${signal ?? `code ${code}`}`))
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Resolves to undefined when there is no answer to be had. */
  ask(id: string, line: string): Promise<OutsideAnswer | undefined> | undefined {
    const stdin = this.#child.stdin
    const same = this.#waiting.get(id)
    if (same !== undefined) return same.answer
    if (this.#state !== 'running' || this.#waiting.size >= this.#options.maxWaiting) return undefined
    if (stdin === null || stdin.writableLength > MAX_UNREAD_BYTES) return undefined
    const waiting = this.#wait(id)
    this.#waiting.set(id, waiting)
    stdin.write(`${line}\n`)
    return waiting.answer
  }

  /** Takes no more questions; ends when those that wait are answered, or at once when none do. */
  retire(): void {
    if (this.#state !== 'running') return
    this.#state = 'retiring'
    this.#endWhenIdle()
  }

  #wait(id: string): Waiting {
    const { promise, resolve } = Promise.withResolvers<OutsideAnswer | undefined>()
    const timer = setTimeout(() => this.#timedOut(id), this.#options.timeoutMs)
    return {
      answer: promise,
      settle: (answer) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        resolve(answer)
      },
    }
  }

  /** The event is not kept waiting; the program is given up only when it has had the time to start. */
  #timedOut(id: string): void {
    this.#waiting.get(id)?.settle(undefined)
    if (this.#state === 'retiring') this.#endWhenIdle()
    if (this.#hasAnswered || performance.now() - this.#startedAtMs > START_MS)
      this.#fail('it did not answer in time')
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#answer(line)
    if (this.#rest.length > MAX_LINE_CHARACTERS) this.#fail('it wrote a line without an end')
    if (this.#state === 'retiring') this.#endWhenIdle()
  }

  /** What is no answer to a question is passed over: a plugin that prints for its author's eyes still works. */
  #answer(line: string): void {
    const answer = parseOutsideAnswer(line)
    if (answer === undefined) return
    this.#hasAnswered = true
    this.#waiting.get(answer.id)?.settle(answer)
  }

  #endWhenIdle(): void {
    if (this.#waiting.size === 0) this.#end()
  }

  #fail(why: string): void {
    const isNews = this.#state === 'running'
    this.#end()
    for (const waiting of this.#waiting.values()) waiting.settle(undefined)
    if (isNews) this.#options.onFailed(why)
  }

  #end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#child.stdin?.end()
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return
    this.#child.kill('SIGTERM')
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS)
    kill.unref()
    this.#child.once('exit', () => clearTimeout(kill))
  }
}
