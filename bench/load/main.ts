/** The load process: takes one job after another from the bench that started it, and ends with it. */
import { type BenchContext, createContext } from './bench-context.ts'
import { crowd } from './crowd.ts'
import { fanOut } from './fan-out.ts'
import { idle } from './idle.ts'
import type { Job, JobReport, LoadReply, LoadRequest } from './job.ts'
import { publish } from './publish.ts'
import { request } from './request.ts'

let context: BenchContext | undefined

process.on('message', (message: LoadRequest) => {
  void answer(message).then((reply) => process.send?.(reply))
})
process.on('disconnect', () => process.exit(0))

async function answer(message: LoadRequest): Promise<LoadReply> {
  try {
    if (message.type === 'setup') {
      context = createContext(message.setup)
      return { type: 'ready' }
    }
    if (context === undefined) throw new Error('A job came before the setup.')
    return { type: 'report', report: await run(context, message.job) }
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

function run(bench: BenchContext, job: Job): Promise<JobReport> {
  switch (job.scenario) {
    case 'publish':
      return publish(bench, job)
    case 'request':
      return request(bench, job)
    case 'fan-out':
      return fanOut(bench, job)
    case 'crowd':
      return crowd(bench, job)
    case 'idle':
      return idle(bench, job)
  }
}
