/** Several processes at once, and processes that are killed: the key must come out the same, and whole. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openKeyring } from './index.ts'
import { askKeyrings, startKeyrings, temporaryKeyFolder } from './testing.ts'

const KEY_FILE = 'relay.key.json'

const ASK = `async (keyring) => (await keyring.keyFor('relay')).publicKey`

let parent: string
let folder: string

beforeEach(() => {
  ;({ parent, folder } = temporaryKeyFolder())
})

afterEach(() => rmSync(parent, { recursive: true }))

test.each(['', 'a passphrase'])(
  'of several processes that start at once, with passphrase %j, one makes the key for all',
  async (passphrase) => {
    const said = await askKeyrings({ count: 4, folder, options: { passphrase }, ask: ASK })
    expect(new Set(said.map(({ answer }) => answer)).size).toBe(1)
    expect(said[0]?.answer).toMatch(/^[0-9a-f]{64}$/)
    expect(said.reduce((sum, { created }) => sum + created, 0)).toBe(1)
    const expected = passphrase === '' ? ['keyring.secret', 'relay.key.json'] : ['relay.key.json']
    expect(readdirSync(folder).toSorted()).toEqual(expected)
  },
)

test.each([1, 2, 3, 4, 5, 6])(
  'a process that is killed at step %d of making the key leaves a key or none, but never half a one',
  async (step) => {
    const [child] = await startKeyrings({ count: 1, folder, options: {}, ask: ASK })
    const exit = once(child!, 'exit')
    child!.stdin?.write('go\n')
    await folderChanges(step, child!)
    child!.kill('SIGKILL')
    await exit
    const left = namesInFolder()
    const publicKey = left.includes(KEY_FILE) ? publicKeyIn(join(folder, KEY_FILE)) : expect.any(String)
    expect(await openKeyring(folder).keyFor('relay')).toMatchObject({ publicKey })
    expect(left.length).toBeGreaterThan(0)
  },
)

/** Waits until the names in the folder have changed so many times, as far as one can see it, or the child is done. */
async function folderChanges(times: number, child: ChildProcess): Promise<void> {
  let before = namesInFolder().join()
  for (let seen = 0; seen < times && child.exitCode === null; await immediate()) {
    const now = namesInFolder().join()
    if (now !== before) seen += 1
    before = now
  }
}

function namesInFolder(): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}

function publicKeyIn(path: string): string {
  return JSON.parse(readFileSync(path, 'utf8')).publicKey
}
