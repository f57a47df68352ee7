/**
 * The real program as a child process, for tests that must not take anybody's word: started as people start it, with
 * a data folder and an environment of its own, told by signals, and gone when the test is over, however it went.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')

const REPORTING = ['--report-on-signal', '--report-exclude-env', '--report-exclude-network']

/** On a busy machine; alone it takes a third of a second. */
const START_TIMEOUT_MS = 60_000
/** Longer than the program's own patience with its stop (30 s), so that its answer is heard. */
const STOP_TIMEOUT_MS = 40_000
/** A process that does not come up is asked for the stacks of its threads; it gets so long to write them down. */
const REPORT_TIMEOUT_MS = 5_000
/** What is kept of each output, from its end. */
const MAX_OUTPUT_CHARACTERS = 1_000_000

/** The observatory is a client of its own relay; most tests count clients. Those that are about it say otherwise. */
const UNWATCHED = { STOA_OBSERVATORY__WATCH: 'off' }

/** Settings as `STOA_…` variables: `{ STOA_RELAY__NAME: 'Test' }`. */
export type StoaEnvironment = Readonly<Record<string, string>>

export interface StoaOptions {
  /** The data folder; a fresh one when absent. */
  readonly dataDir?: string
  readonly env?: StoaEnvironment
  /** The relay's threads; as the configuration says when absent. */
  readonly threads?: number
  /** 0, any free port, when absent. */
  readonly port?: number
  /** With accounts, moderation and the console, which need a database; a relay alone when absent. */
  readonly hasOffice?: boolean
  /** What it is for: `['ilp']`; as `hasOffice` says when absent. */
  readonly roles?: readonly string[]
  /** Take the place of the one that runs on the data folder. */
  readonly takesOver?: boolean
  /** A configuration file, which a test may change while the program runs. */
  readonly configFile?: string
}

/** How a process ended: one of the two is null. */
export interface StoaExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface StoaRun extends StoaExit {
  readonly stdout: string
  readonly stderr: string
}

/** Everything one test starts and stores; `end` takes it all away. */
export class Stage {
  readonly #folders: string[] = []
  readonly #processes = new Set<StoaProcess>()
  readonly #duties: (() => void)[] = []

  /** A new empty folder, removed at the end. */
  folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'stoa-e2e-'))
    this.#folders.push(path)
    return path
  }

  /** Something else to be done at the end, when no process runs and the folders are still there. */
  atEnd(duty: () => void): void {
    this.#duties.push(duty)
  }

  /** `stoa start`, ready to take connections. Throws with all that it said when it does not come so far. */
  async start(options: StoaOptions = {}): Promise<StoaProcess> {
    const process = this.launch(options)
    await process.ready
    return process
  }

  /** `stoa start`, not waited for. */
  launch({
    dataDir = this.folder(),
    env = {},
    threads,
    port = 0,
    hasOffice,
    roles = hasOffice === true ? undefined : ['relay'],
    takesOver,
    configFile,
  }: StoaOptions = {}): StoaProcess {
    const args = ['start', '--data', dataDir, '--port', String(port)]
    if (takesOver === true) args.push('--takeover')
    if (configFile !== undefined) args.push('--config', configFile)
    if (threads !== undefined) args.push('--threads', String(threads))
    const purpose = roles === undefined ? {} : { STOA_PROCESS__ROLES: roles.join(',') }
    return this.#spawn(args, { ...UNWATCHED, ...purpose, ...env }, dataDir)
  }

  /** Runs a command to its end: `run(['export', '--data', folder])`. */
  async run(args: readonly string[], env: StoaEnvironment = {}): Promise<StoaRun> {
    const process = this.#spawn(args, env, this.folder())
    const exit = await process.ended
    return { ...exit, stdout: process.stdout, stderr: process.stderr }
  }

  /** A command on the Stoa that a process is; what it prints for machines: `ask(stoa, 'ilp', 'show')`. */
  async ask({ dataDir }: StoaProcess, ...words: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.run([...words, '--json', '--data', dataDir])
    if (code !== 0) throw new Error(`stoa ${words.join(' ')} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout)
  }

  /** Kills a process that the test has no more use for, and forgets it. */
  async discard(process: StoaProcess): Promise<void> {
    this.#processes.delete(process)
    await process.kill()
  }

  /** Kills what still runs and removes the folders; says what every process said when the test failed. */
  async end({ hasFailed = false }: { readonly hasFailed?: boolean } = {}): Promise<void> {
    const processes = [...this.#processes]
    this.#processes.clear()
    if (hasFailed) for (const process of processes) console.error(process.report())
    await Promise.all(processes.map((process) => process.kill()))
    for (const duty of this.#duties.splice(0)) duty()
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }

  #spawn(args: readonly string[], env: StoaEnvironment, dataDir: string): StoaProcess {
    const process = new StoaProcess(args, { env, dataDir, cwd: this.folder() })
    this.#processes.add(process)
    return process
  }
}

interface Surroundings {
  readonly env: StoaEnvironment
  readonly dataDir: string
  /** Empty, so that no `stoa.toml` of somebody else is read. */
  readonly cwd: string
}

export class StoaProcess {
  readonly dataDir: string
  /** Resolves when connections are taken; rejects when the process ends before. */
  readonly ready: Promise<void>
  /** Resolves when the process has ended and all it said has arrived. */
  readonly ended: Promise<StoaExit>
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #args: readonly string[]
  readonly #cwd: string
  #exit: StoaExit | undefined
  #stdout = ''
  #stderr = ''
  #url: string | undefined

  constructor(args: readonly string[], { env, dataDir, cwd }: Surroundings) {
    this.#args = args
    this.#cwd = cwd
    this.dataDir = dataDir
    this.#child = spawn(process.execPath, [...REPORTING, MAIN, ...args], {
      cwd,
      // What a killed process leaves in the folder for temporary files goes with the working folder.
      env: { ...withoutSettings(process.env), TMPDIR: cwd, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // However the test process ends, its children do not outlive it.
    const killNow = () => this.#child.kill('SIGKILL')
    process.once('exit', killNow)
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code, signal) => {
        process.off('exit', killNow)
        this.#exit = { code, signal }
        resolve(this.#exit)
      })
    })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-MAX_OUTPUT_CHARACTERS)
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_OUTPUT_CHARACTERS)
    })
    this.ready = this.#untilReady()
    // Whoever does not wait for it, because the process is to be killed while it starts, need not hear of it.
    this.ready.catch(() => undefined)
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('the process could not be started')
    return pid
  }

  /** `ws://host:port`. Only known once it is ready. */
  get url(): string {
    if (this.#url === undefined) throw new Error(`not ready yet\n${this.report()}`)
    return this.#url
  }

  /** `http://host:port/path`. */
  httpUrl(path: string): string {
    return this.url.replace(/^ws/, 'http') + path
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  get hasEnded(): boolean {
    return this.#exit !== undefined
  }

  /** Every number of `/metrics`, by name and labels as they are printed. */
  async samples(): Promise<Readonly<Record<string, number>>> {
    const text = await (await fetch(this.httpUrl('/metrics'))).text()
    return Object.fromEntries(
      [...text.matchAll(/^([a-z]\S+) (\S+)$/gm)].map(([, series = '', value]) => [series, Number(value)]),
    )
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasEnded) this.#child.kill(name)
  }

  /** SIGTERM; resolves to the exit when it has ended. Throws when it does not end. */
  async stop(): Promise<StoaExit> {
    this.signal('SIGTERM')
    return this.untilEnded()
  }

  /** SIGKILL: no goodbye, nothing finished. */
  async kill(): Promise<StoaExit> {
    this.signal('SIGKILL')
    return this.ended
  }

  /** Throws when it has not ended by itself within `timeoutMs`. */
  async untilEnded(timeoutMs = STOP_TIMEOUT_MS): Promise<StoaExit> {
    const exit = await Promise.race([this.ended, later(timeoutMs)])
    if (exit === undefined) throw new Error(`did not end within ${timeoutMs} ms\n${this.report()}`)
    return exit
  }

  /** What it was, how it ended and what it said, for whoever has to find out why a test failed. */
  report(): string {
    const { code, signal } = this.#exit ?? {}
    const state = this.#exit === undefined ? 'running' : `ended with ${signal ?? code}`
    const output = `--- stdout\n${tail(this.#stdout)}\n--- stderr\n${tail(this.#stderr)}`
    return `stoa ${this.#args.join(' ')} (pid ${this.#child.pid}, ${state})\n${output}`
  }

  /** Where each thread is at the moment, as far as it can still tell. */
  async #stacks(): Promise<string> {
    this.signal('SIGUSR2')
    await later(REPORT_TIMEOUT_MS)
    const [file] = globSync('report.*.json', { cwd: this.#cwd })
    return file === undefined
      ? 'no diagnostic report was written'
      : readFileSync(join(this.#cwd, file), 'utf8')
  }

  async #untilReady(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS
    while (this.#url === undefined) {
      if (this.hasEnded) throw new Error(`ended before it was ready\n${this.report()}`)
      if (Date.now() > deadline) {
        const stacks = await this.#stacks()
        throw new Error(`not ready within ${START_TIMEOUT_MS} ms\n${this.report()}\n${stacks}`)
      }
      await Promise.race([this.ended, later(5)])
      this.#url = addressIn(this.#stdout)
    }
  }
}

/** The relay's address in the summary that `stoa start` prints once it listens; only in a whole line. */
function addressIn(summary: string): string | undefined {
  return /\b(wss?:\/\/[^\s/]+)[^\n]*\n/.exec(summary)?.[1]
}

/** The environment of the tests may hold settings for somebody else. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('STOA_')))
}

function tail(text: string): string {
  return text.length <= 4000 ? text : `…${text.slice(-4000)}`
}

/** Resolves to undefined after `ms`; keeps nobody waiting who has stopped listening. */
function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref())
}
