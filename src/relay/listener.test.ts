/** The relay's Unix socket, which a proxy on the same machine may speak to. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { testSettings } from './policies/testing/policy-kit.ts'
import { startLonelyRelay } from './testing/index.ts'

const hasUnixSockets = process.platform !== 'win32'
let folder: string
let unixSocket: string
const cleanUps: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-relay-'))
  unixSocket = join(folder, 'relay.sock')
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
  rmSync(folder, { recursive: true })
})

async function start() {
  const relay = await startLonelyRelay({ settings: { ...testSettings(), unixSocket } })
  cleanUps.push(() => relay.stop())
}

async function answerTo(message: unknown): Promise<unknown> {
  const socket = new WebSocket(`ws+unix://${unixSocket}:/`)
  cleanUps.push(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify(message))
  const [data] = (await once(socket, 'message')) as [Buffer]
  return JSON.parse(data.toString())
}

test.runIf(hasUnixSockets)(
  'clients are served there, also where a process that is gone has left its file',
  async () => {
    writeFileSync(unixSocket, '')
    await start()
    expect(await answerTo(['COUNT', 'c', { kinds: [1] }])).toEqual(['COUNT', 'c', { count: 0 }])
  },
)

test.runIf(hasUnixSockets)(
  'where somebody listens already, a second one is refused and the first goes on',
  async () => {
    await start()
    await expect(start()).rejects.toMatchObject({ code: 'RELAY_LISTEN_FAILED' })
    expect(await answerTo(['REQ', 'r', { limit: 1 }])).toEqual(['EOSE', 'r'])
  },
)
