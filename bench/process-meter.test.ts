import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ProcessMeter } from './process-meter.ts'

const hasProc = existsSync('/proc/self/schedstat')

test.skipIf(!hasProc)('the processor time of a process is what the process itself counts', () => {
  const meter = new ProcessMeter(process.pid)
  const before = meter.read()!
  const ownBefore = process.cpuUsage()
  while (process.cpuUsage(ownBefore).user < 300_000) Math.sqrt(Math.random())
  const own = process.cpuUsage(ownBefore)
  const measuredSeconds = meter.read()!.cpuSeconds - before.cpuSeconds
  // Scheduler statistics lag by up to a tick of each thread.
  expect(Math.abs(measuredSeconds - (own.user + own.system) / 1e6)).toBeLessThan(0.05)
})

test('a process that is gone has no reading', () => {
  expect(new ProcessMeter(2 ** 30).read()).toBeUndefined()
})
