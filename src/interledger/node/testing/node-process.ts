import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AccountId } from '../../../ledger/index.ts'
import type { ChildAnswer, ChildOrder, ChildSettings, NodeReport, PaymentReport } from './child-orders.ts'

const CHILD = fileURLToPath(new URL('node-child.ts', import.meta.url))
const READY = 'ready '

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** A node in a process of its own, which can be killed and started again on the same port and database. */
export class NodeProcess {
  readonly #settings: Omit<ChildSettings, 'port'>
  #port = 0
  #child: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #lastNumber = 0
  readonly #waiting = new Map<number, Waiting>()

  constructor(settings: Omit<ChildSettings, 'port'>) {
    this.#settings = settings
  }

  /** Resolves when it is served. */
  async start(): Promise<void> {
    const settings: ChildSettings = { ...this.#settings, port: this.#port }
    const child = spawn(process.execPath, [CHILD, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child = child
    this.#ended = once(child, 'exit').then(() => this.#fail())
    const { promise: isReady, resolve: ready } = Promise.withResolvers<number>()
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith(READY)) ready(Number(line.slice(READY.length)))
      else this.#take(JSON.parse(line))
    })
    const port = await Promise.race([isReady, this.#ended])
    if (typeof port !== 'number') throw new Error(`${this.#settings.address} did not start`)
    this.#port = port
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** `host:port`, when it has been started. */
  get authority(): string {
    return `127.0.0.1:${this.#port}`
  }

  pay(payment: Omit<Extract<ChildOrder, { do: 'pay' }>, 'do'>): Promise<PaymentReport> {
    return this.#order({ do: 'pay', ...payment })
  }

  report(): Promise<NodeReport> {
    return this.#order({ do: 'report' })
  }

  async balance(account: AccountId): Promise<bigint> {
    return BigInt(await this.#order<string>({ do: 'balance', account }))
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  async stop(): Promise<void> {
    this.#child?.stdin?.write(`${JSON.stringify({ do: 'stop' } satisfies ChildOrder)}\n`)
    await this.#ended
  }

  /** The child's answer is what its order says. */
  #order<T>(order: ChildOrder): Promise<T> {
    const number = ++this.#lastNumber
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(number, { resolve: (value) => resolve(value as T), reject })
      this.#child?.stdin?.write(`${JSON.stringify({ number, ...order })}\n`)
    })
  }

  #take(answer: ChildAnswer): void {
    const waiting = this.#waiting.get(answer.number)
    this.#waiting.delete(answer.number)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.value)
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.#settings.address} has ended`))
    this.#waiting.clear()
  }
}
