/** A process that asks a server at a steady rate, whether or not it has been answered, and says how long answers took. */
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export interface ApiLoadTask {
  readonly port: number
  readonly paths: readonly string[]
  readonly perSecond: number
  readonly seconds: number
  readonly connections: number
}

export interface ApiLoadFigures {
  readonly asked: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bytes: number
}

const WARM_UP_SECONDS = 2

process.on('message', (task: ApiLoadTask) => {
  void load(task).then((figures) => process.send?.(figures))
})

async function load({ port, paths, perSecond, seconds, connections }: ApiLoadTask): Promise<ApiLoadFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const tookMs: number[] = []
  let failed = 0
  let bytes = 0
  let open = 0
  const beginMs = performance.now()
  const total = (WARM_UP_SECONDS + seconds) * perSecond
  const ask = (index: number, dueMs: number): void => {
    open++
    const path = paths[index % paths.length]!
    const asking = request({ agent, port, path, headers: { 'accept-encoding': 'br, gzip' } }, (answer) => {
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      answer.on('end', () => {
        open--
        if (answer.statusCode !== 200) failed++
        // From the moment that it was due: who waits behind others waits too.
        if (index >= WARM_UP_SECONDS * perSecond) tookMs.push(performance.now() - dueMs)
      })
    })
    asking.on('error', () => {
      open--
      failed++
    })
    asking.end()
  }
  for (let asked = 0; asked < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - beginMs) / 1000) * perSecond))
    for (; asked < due; asked++) ask(asked, beginMs + (asked / perSecond) * 1000)
    await delay(1)
  }
  const deadlineMs = performance.now() + 10_000
  while (open > 0 && performance.now() < deadlineMs) await delay(5)
  agent.destroy()
  tookMs.sort((a, b) => a - b)
  const at = (share: number) =>
    tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? Number.NaN
  return { asked: tookMs.length, failed: failed + open, p50Ms: at(0.5), p99Ms: at(0.99), bytes }
}
