import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { createMemoryBus } from './platform/bus/index.ts'
import { ObservatoryRoom, type ObservatoryRoomDeps, type ObservatoryThreadData } from './stoa-observatory.ts'

const PATIENCE = { timeout: 15_000, interval: 20 }

const rooms: ObservatoryRoom[] = []
afterEach(async () => {
  await Promise.all(rooms.splice(0).map((room) => room.stop()))
})

/** A thread that keeps the figures; what it does when it is asked for them is given, and what it says of its keeper. */
function threadThat(answersFigures: string, keeper: Readonly<Record<string, unknown>> = {}): URL {
  const code = `
    import { parentPort } from 'node:worker_threads'
    const stats = {
      isKeeper: true,
      keeper: ${JSON.stringify(keeper)},
      collector: { connected: 1 },
      intake: { observations: 0 },
      delivery: { failuresInARow: 0, isJournalFull: false, journalBytes: 0 },
    }
    const answer = ({ call }, value) => parentPort.postMessage({ say: 'answer', answerTo: call, value })
    parentPort.on('message', (command) => {
      if (command.do === 'stop') parentPort.close()
      else if (command.name === 'stats') answer(command, stats)
      else { ${answersFigures} }
    })
    parentPort.postMessage({ say: 'ready' })`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

function openRoom(deps: Partial<ObservatoryRoomDeps>): ObservatoryRoom {
  const room = new ObservatoryRoom({
    thread: async () => ({}) as ObservatoryThreadData,
    bus: createMemoryBus(),
    database: () => undefined,
    onEvents: () => {},
    logger: pino({ level: 'silent' }),
    ...deps,
  })
  rooms.push(room)
  room.start()
  return room
}

test('who waits for figures of a thread that dies is answered, and its death is in /health', async () => {
  const room = openRoom({ threadFile: threadThat('process.exit(7)') })
  await vi.waitFor(() => expect(room.isKeeper).toBe(true), PATIENCE)
  expect(await room.source.snapshot('24h')).toBeUndefined()
  await vi.waitFor(
    () =>
      expect(room.health()).toEqual({
        status: 'degraded',
        is: 'restarting',
        reason: 'the thread ended with the code 7',
      }),
    PATIENCE,
  )
  await vi.waitFor(() => expect(room.health()).toMatchObject({ status: 'ok', is: 'keeping' }), PATIENCE)
})

test('a thread that is busy holds nobody up: figures are shown as they were', async () => {
  const first = `globalThis.asked ??= (answer(command, { snapshot: { atSeconds: 1 }, version: "1" }), true)`
  const room = openRoom({ threadFile: threadThat(first) })
  await vi.waitFor(() => expect(room.isKeeper).toBe(true), PATIENCE)
  const figures = await room.source.snapshot('7d')
  expect(figures).toMatchObject({ version: '1', from: 'engine' })
  // Now they are too old to be shown without asking again.
  await delay(1_100)
  expect(await room.source.snapshot('7d')).toEqual(figures)
})

test('figures that cannot be read back are in /health, with what is to be done', async () => {
  const damage = 'the checkpoint is damaged: restore the database'
  const room = openRoom({ threadFile: threadThat('', { damage }) })
  await vi.waitFor(() => expect(room.isKeeper).toBe(true), PATIENCE)
  expect(room.health()).toMatchObject({ status: 'degraded', is: 'keeping', reason: damage })
})

test('a room whose database never comes up is stopped at once', async () => {
  const room = openRoom({ thread: () => new Promise(() => {}) })
  expect(room.health()).toEqual({ status: 'ok', is: 'starting' })
  await room.stop()
})
