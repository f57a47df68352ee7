import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { busyCoreSeconds } from './core-meter.ts'

test.skipIf(process.platform !== 'linux')(
  'while this process computes, the cores are busy for as long',
  () => {
    const cores = Array.from({ length: availableParallelism() }, (_, core) => core)
    const busySeconds = () => cores.reduce((sum, core) => sum + (busyCoreSeconds(core) ?? 0), 0)
    const before = busySeconds()
    const ownBefore = process.cpuUsage()
    while (process.cpuUsage(ownBefore).user < 300_000) Math.sqrt(Math.random())
    expect(busySeconds() - before).toBeGreaterThan(0.25)
  },
)

test('a core that is not there has no reading', () => {
  expect(busyCoreSeconds(4096)).toBeUndefined()
})
