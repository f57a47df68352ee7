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

export interface PassFigures {
  readonly observations: number
  readonly verified: number
  readonly offences: number
  /** Observations a second of processor time, all threads of the process. */
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly cpuSeconds: number
}

export interface CollectorFigures {
  /** From the first message of the process on: what it costs to compile what is hot is in it. */
  readonly first: PassFigures
  /** The same messages again, for another intake: as a collector is that has run for a minute. */
  readonly second: PassFigures
  readonly rssMiB: number
}

const DELIVERED_ROWS = 1_000
const FIRST_LETTER_OF_TYPE = 2
const LETTER_V = 'V'.charCodeAt(0)

const task: CollectorTask = JSON.parse(process.argv[2] ?? '')
const verifier = await createSignatureVerifier(task.mode === 'wasm' ? 'wasm' : 'native')
const first = await pass()
const figures: CollectorFigures = {
  first,
  second: await pass(),
  rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
}
process.send?.(figures, () => process.exit())

async function pass(): Promise<PassFigures> {
  const intake = createIntake({ verifier, clock: systemClock })
  intake.onEvent(() => {})
  let received = 0
  let finished = 0
  let offences = 0
  const done = Promise.withResolvers<void>()
  const read = (feed: RelayFeed, data: Buffer) => {
    if (data[FIRST_LETTER_OF_TYPE + 1] !== LETTER_V) {
      if (++finished === task.relays) done.resolve()
      return
    }
    received++
    if (task.mode === 'bare') return
    intake.take(feed, data)
    if (intake.waitingRows >= DELIVERED_ROWS) intake.takeBatch()
  }
  const sockets = await Promise.all(
    Array.from({ length: task.relays }, (_, relay) =>
      open({ relay, isAsked: (name) => name === 's', offend: () => offences++ }, read),
    ),
  )
  const before = process.cpuUsage()
  const startedMs = performance.now()
  for (const socket of sockets) socket.send('["REQ","s",{}]')
  await done.promise
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - startedMs) / 1_000
  const cpuSeconds = (user + system) / 1e6
  for (const socket of sockets) socket.terminate()
  const { observations, verified } = intake.stats()
  const figures: PassFigures = {
    observations: task.mode === 'bare' ? received : observations,
    verified,
    offences,
    perCpuSecond: Math.round(received / cpuSeconds),
    perSecond: Math.round(received / seconds),
    cpuSeconds: Math.round(cpuSeconds * 100) / 100,
  }
  if (figures.observations !== task.observations)
    throw new TypeError(`${figures.observations} of ${task.observations} observed`)
  return figures
}

async function open(feed: RelayFeed, read: (feed: RelayFeed, data: Buffer) => void): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${task.port}/${feed.relay}`, {
    perMessageDeflate: false,
    skipUTF8Validation: true,
  })
  socket.on('message', (data: Buffer) => read(feed, data))
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}
