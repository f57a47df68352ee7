import { type BenchContext, sleep, withConnections } from './bench-context.ts'
import { openConnections } from './connection.ts'
import type { Job, JobReport } from './job.ts'

type IdleJob = Extract<Job, { scenario: 'idle' }>

const FIRST_SHARE = 0.05
const SETTLE_MS = 2000

/**
 * What a connection that does nothing costs in the relay's memory: the growth from a twentieth of the connections
 * to all of them, so that what the first one makes it load does not count.
 */
export async function idle({ meter, target }: BenchContext, job: IdleJob): Promise<JobReport> {
  if (meter === undefined) return { figures: {}, remarks: ['memory needs the relay to run here: give --pid'] }
  const first = Math.ceil(job.connections * FIRST_SHARE)
  return withConnections(target, first, async () => {
    await sleep(SETTLE_MS)
    const before = meter.read()
    const rest = await openConnections(target, job.connections - first)
    let lost = 0
    for (const connection of rest) connection.onLost(() => lost++)
    try {
      await sleep(SETTLE_MS)
      const after = meter.read()
      if (before === undefined || after === undefined)
        throw new Error('The relay ended while connections rested.')
      const growthBytes = after.residentBytes - before.residentBytes
      return {
        figures: { connections: job.connections, bytesPerConnection: growthBytes / rest.length },
        remarks: lost > 0 ? [`the relay ended ${lost} of the connections`] : [],
      }
    } finally {
      for (const connection of rest) connection.close()
    }
  })
}
