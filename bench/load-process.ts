import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Job, JobReport, LoadReply, LoadRequest, LoadSetup } from './load/job.ts'
import { pinned } from './relay-process.ts'

const MAIN = join(import.meta.dirname, 'load/main.ts')
/** No job lasts longer, whatever the relay does: a stuck load is an error, not a bench that never ends. */
const JOB_TIMEOUT_MS = 15 * 60 * 1000

/** The load generator as a process on a core of its own. It ends with the bench, even when that is killed. */
export class LoadProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(setup: LoadSetup, core: number | undefined): Promise<LoadProcess> {
    const [command, args] = pinned(core, process.execPath, [MAIN])
    const load = new LoadProcess(spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))
    await load.#ask({ type: 'setup', setup })
    return load
  }

  async run(job: Job): Promise<JobReport> {
    const reply = await this.#ask({ type: 'job', job })
    if (reply.type !== 'report') throw new Error(`The load process answered a job with "${reply.type}".`)
    return reply.report
  }

  stop(): void {
    this.#child.kill()
  }

  #ask(request: LoadRequest): Promise<LoadReply> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadReply>()
    const onMessage = (reply: LoadReply) =>
      reply.type === 'failed' ? reject(new Error(reply.message)) : resolve(reply)
    const onExit = () => reject(new Error('The load process ended in the middle of a job.'))
    const onError = (error: Error) =>
      reject(new Error(`The load process cannot be started: ${error.message}.`))
    const timeout = setTimeout(() => reject(new Error('A job took longer than 15 minutes.')), JOB_TIMEOUT_MS)
    this.#child.once('message', onMessage).once('exit', onExit).once('error', onError)
    this.#child.send(request)
    return promise.finally(() => {
      clearTimeout(timeout)
      this.#child.off('message', onMessage).off('exit', onExit).off('error', onError)
    })
  }
}
