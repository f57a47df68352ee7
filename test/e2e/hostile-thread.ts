/** All hostile clients at once, in a thread of their own, so that they do not hold up the honest one. */
import { workerData } from 'node:worker_threads'
import { attackOn, hostileClients } from './hostile-clients.ts'

export interface HostileThreadData {
  readonly url: string
  readonly seed: string
  readonly forMs: number
}

// Only `fuzz.test.ts` starts this file.
const { url, seed, forMs } = workerData as HostileThreadData
const untilMs = Date.now() + forMs
await Promise.all(
  Object.entries(hostileClients).map(([name, attack]) => attack(attackOn(url, name, { seed, untilMs }))),
)
