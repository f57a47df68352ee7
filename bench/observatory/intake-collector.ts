/** Plain WebSocket clients and the intake, in a process of their own; says what it has measured and ends. */

import WebSocket from 'ws'
import { systemClock } from '../../src/kernel/index.ts'
import type { RelayFeed } from '../../src/observatory/index.ts'
import { createIntake } from '../../src/observatory/intake/index.ts'
import { createSignatureVerifier } from '../../src/platform/index.ts'

export interface CollectorTask {
  readonly port: number
  readonly relays: number
  /** `bare`: frames are received and forgotten. */
  readonly mode: 'bare' | 'native' | 'wasm'
  readonly observations: number
}

export interface CollectorFigures {
  readonly observations: number
  readonly verified: number
  readonly offences: number
  /** Observations a second of processor time, all threads of the process. */
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly cpuSeconds: number
  readonly rssMiB: number
}

const DELIVERED_ROWS = 1_000
const FIRST_LETTER_OF_TYPE = 2
const LETTER_V = 'V'.charCodeAt(0)

const task: CollectorTask = JSON.parse(process.argv[2] ?? '')
const verifier = await createSignatureVerifier(task.mode === 'wasm' ? 'wasm' : 'native')
const intake = createIntake({ verifier, clock: systemClock })
let received = 0
let finished = 0
let offences = 0
const done = Promise.withResolvers<void>()
intake.onEvent(() => {})
const sockets = await Promise.all(Array.from({ length: task.relays }, (_, relay) => open(relay)))
const before = process.cpuUsage()
const startedMs = performance.now()
for (const socket of sockets) socket.send('["REQ","s",{}]')
await done.promise
const { user, system } = process.cpuUsage(before)
const seconds = (performance.now() - startedMs) / 1_000
const cpuSeconds = (user + system) / 1e6
const { observations, verified } = intake.stats()
const figures: CollectorFigures = {
  observations: task.mode === 'bare' ? received : observations,
  verified,
  offences,
  perCpuSecond: Math.round(received / cpuSeconds),
  perSecond: Math.round(received / seconds),
  cpuSeconds: Math.round(cpuSeconds * 100) / 100,
  rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
}
if (figures.observations !== task.observations)
  throw new TypeError(`${figures.observations} of ${task.observations} observed`)
process.send?.(figures, () => process.exit())

async function open(relay: number): Promise<WebSocket> {
  const feed: RelayFeed = { relay, isAsked: (name) => name === 's', offend: () => offences++ }
  const socket = new WebSocket(`ws://127.0.0.1:${task.port}/${relay}`, {
    perMessageDeflate: false,
    skipUTF8Validation: true,
  })
  socket.on('message', (data: Buffer) => {
    if (data[FIRST_LETTER_OF_TYPE + 1] !== LETTER_V) {
      if (++finished === task.relays) done.resolve()
      return
    }
    received++
    if (task.mode === 'bare') return
    intake.take(feed, data)
    if (intake.waitingRows >= DELIVERED_ROWS) intake.takeBatch()
  })
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}
