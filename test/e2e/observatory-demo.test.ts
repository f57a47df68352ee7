/** `npm run demo:observatory`, as somebody tries it who has just cloned the repository. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { OverviewBody, RangeName } from '../../src/observatory/api/index.ts'
import { Stage } from './stoa-process.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const RELAYS = 24
/** After the first figures. */
const SECONDS = 10
/** Until then, on a busy machine. */
const PATIENCE = { timeout: 80_000, interval: 1_000 }

const stage = new Stage()
let demo: ChildProcess | undefined
afterEach(async ({ task }) => {
  // Its own process group, npm and the program with it.
  if (demo?.pid !== undefined && demo.exitCode === null && demo.signalCode === null)
    process.kill(-demo.pid, 'SIGKILL')
  await stage.end({ hasFailed: task.result?.state === 'fail' })
})

test('the demonstration comes up, shows figures of its relays, and leaves nothing behind', async () => {
  const folder = stage.folder()
  const port = await freePort()
  const words = ['--port', `${port}`, '--relays', `${RELAYS}`, '--seconds', `${SECONDS}`]
  demo = spawn('npm', ['run', '--silent', 'demo:observatory', '--', ...words], {
    cwd: ROOT,
    // What it stores for the time being is to be found, and to be missed, there.
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  demo.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = once(demo, 'exit') as Promise<[number | null, string | null]>
  await vi.waitFor(async () => {
    const overview = await overviewAt(port)
    expect(overview.total_events, said).toBeGreaterThan(0)
    expect(overview.active_relays).toBeGreaterThan(1)
    // Its own beside those of the network.
    expect(overview.coverage.relays_watched).toBe(RELAYS + 1)
    // Some of the zaps of its month are there from the start on, and are paid.
    const { zaps } = await overviewAt(port, '30d')
    expect(zaps.count).toBeGreaterThan(10)
    expect(zaps.sats).toBeGreaterThan(zaps.count * 20)
  }, PATIENCE)
  expect(processesIn(folder)).not.toEqual([])
  const page = await fetch(`http://127.0.0.1:${port}/`)
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<div id="app">')])
  expect(await ended, said).toEqual([0, null])
  expect(globSync('stoa-demo-*', { cwd: folder })).toEqual([])
  expect(processesIn(folder)).toEqual([])
  await expect(overviewAt(port)).rejects.toThrow()
})

async function overviewAt(port: number, range: RangeName = '24h'): Promise<OverviewBody> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/stats/overview?range=${range}`)
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
  // The shape is that of the API.
  return (await response.json()) as OverviewBody
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Those that work in a folder, or were started with its name. */
function processesIn(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return command.includes(folder) || readlinkSync(`/proc/${pid}/cwd`).includes(folder)
      } catch {
        // It has just ended, or is none of ours.
        return false
      }
    })
}
