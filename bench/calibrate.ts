/**
 * A fixed piece of work on the relay's core, just before a relay is measured: its processor time tells how fast the
 * core is at this moment. Run as a process by `calibrateCore`, so that it can be pinned.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { Figures, JobReport } from './load/job.ts'
import { pinned } from './relay-process.ts'

const BLOCK_BYTES = 1024 * 1024
const BLOCKS = 100

/** Two runs with the same `calibrationCpuMs` had a core of the same speed. */
export function calibrateCore(core: number | undefined): JobReport {
  const [command, args] = pinned(core, process.execPath, [import.meta.filename])
  const { stdout, status } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The calibration of core ${core} ended with status ${status}.`)
  const figures: Record<'calibrationCpuMs', number> = JSON.parse(stdout)
  return { figures, remarks: [] }
}

function work(): Figures {
  const block = Buffer.alloc(BLOCK_BYTES)
  const cpuBefore = process.cpuUsage()
  const hash = createHash('sha256')
  for (let done = 0; done < BLOCKS; done++) hash.update(block)
  hash.digest()
  const cpu = process.cpuUsage(cpuBefore)
  return { calibrationCpuMs: (cpu.user + cpu.system) / 1000 }
}

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify(work()))
