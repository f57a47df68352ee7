/**
 * How long two relays of ours take to converge: `node bench/sync.ts [events] [percent] [both|down|up]`. By default
 * 100,000 events of which 1 % differ, half of them on each side. Both relays and both stores share this process.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLogStore } from '../src/events/log/index.ts'
import type { Direction } from '../src/mirrors/index.ts'
import { syncWith } from '../src/mirrors/index.ts'
import {
  allIds,
  fillStore,
  signedEvent,
  startTestRelay,
  unsignedEvent,
} from '../src/mirrors/testing/index.ts'

const FIRST_SECOND = 1_700_000_000

const count = Number(process.argv[2] ?? 100_000)
const percent = Number(process.argv[3] ?? 1)
const direction = directionOf(process.argv[4] ?? 'both')

const differing = Math.round((count * percent) / 100)
const shared = events(count - differing, 'shared', unsignedEvent)
const [mine, theirs] = [
  events(Math.floor(differing / 2), 'mine', signedEvent),
  events(Math.ceil(differing / 2), 'theirs', signedEvent),
]
const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-sync-'))
const ours = await openLogStore({ folder: join(folder, 'ours') })
const others = await openLogStore({ folder: join(folder, 'theirs') })
await fillStore(ours, [...shared, ...mine])
await fillStore(others, [...shared, ...theirs])
const [here, there] = [await startTestRelay(ours), await startTestRelay(others)]
try {
  console.log(`${count} events, ${differing} of them on one side only, ${direction}`)
  await run('first')
  await run('again')
  if (direction === 'both') {
    const isSame = JSON.stringify(await allIds(ours)) === JSON.stringify(await allIds(others))
    console.log(`both sides are ${isSame ? 'equal' : 'NOT equal'}: ${ours.stats().events} events`)
    process.exitCode = isSame ? 0 : 1
  }
} finally {
  await Promise.all([here.stop(), there.stop()])
  await Promise.all([ours.close(), others.close()])
  rmSync(folder, { recursive: true })
}

async function run(name: string): Promise<void> {
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  const { need, have, stored, uploaded } = await syncWith({
    url: there.url,
    filter: {},
    direction,
    store: ours,
    intake: here.intake,
    origin: 'sync',
  })
  const { user, system } = process.cpuUsage(cpu)
  const tookMs = Math.round(performance.now() - startedMs)
  const figures = { need, have, stored, uploaded, tookMs, cpuMs: Math.round((user + system) / 1_000) }
  console.log(`${name.padEnd(6)} ${JSON.stringify(figures)}`)
}

function events(howMany: number, content: string, make: typeof signedEvent) {
  return Array.from({ length: howMany }, (_, n) =>
    make({
      content: `${content} ${n}`,
      created_at: FIRST_SECOND + Math.floor((n * count) / Math.max(1, howMany)),
    }),
  )
}

function directionOf(text: string): Direction {
  if (text === 'both' || text === 'down' || text === 'up') return text
  throw new Error(`${text} is no direction: both, down or up`)
}
