import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../kernel/index.ts'
import { joinRequest, KINDS, type NostrEvent } from '../../nostr/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { testKey } from '../testing/test-key.ts'
import { CLI, granted, type TestRelay, testPeople, testRelay } from '../testing/test-people.ts'

const CHILD = fileURLToPath(new URL('../testing/join-child.ts', import.meta.url))

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

/** Runs the child until it has said so many lines, kills it as `kill -9` does, and answers with the lines. */
async function killAfter(lines: number, args: readonly string[]): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line)
    if (said.length === lines) child.kill('SIGKILL')
  }
  await ended
  return said
}

async function restarted(relay: TestRelay) {
  const people = testPeople(database, { relay })
  const levels = await people.currentLevels()
  await people.membership.start()
  await people.membership.flush()
  await people.stop()
  return levels
}

async function invited(relay: TestRelay) {
  const people = testPeople(database, { relay })
  granted(await people.membership.createInvite({ code: 'welcome!', maxUses: 1 }, CLI))
}

test('a member who was answered is one after a kill: in the levels, in the list, and announced', async () => {
  const secret = randomBytes(32)
  const relay = testRelay(testKey(secret))
  await invited(relay)
  const member = testKey()
  const request = await member.sign(joinRequest('welcome!', systemClock.nowSeconds()))
  const args = [database.url, secret.toString('hex'), JSON.stringify(request), 'no']
  expect(await killAfter(1, args)).toEqual(['answered info: welcome'])
  expect(await restarted(relay)).toEqual([{ do: 'set-level', pubkey: member.publicKey, level: 2 }])
  const [list] = await relay.find({ kinds: [KINDS.MEMBERSHIP_LIST] })
  expect(list?.tags).toEqual([['-'], ['member', member.publicKey]])
  const added = await relay.find({ kinds: [KINDS.MEMBER_ADDED] })
  expect(added.map(({ tags }) => tags)).toEqual([[['-'], ['p', member.publicKey]]])
})

test('an event that was published before the kill is published once', async () => {
  const secret = randomBytes(32)
  const relay = testRelay(testKey(secret))
  await invited(relay)
  const member = testKey()
  const request = await member.sign(joinRequest('welcome!', systemClock.nowSeconds()))
  const said = await killAfter(2, [database.url, secret.toString('hex'), JSON.stringify(request), 'yes'])
  const line = said.find((text) => text.startsWith('published ')) ?? ''
  const published: NostrEvent = JSON.parse(line.slice('published '.length))
  expect(published.kind).toBe(KINDS.MEMBER_ADDED)
  await relay.publish(published)
  await restarted(relay)
  const added = await relay.find({ kinds: [KINDS.MEMBER_ADDED] })
  expect(added.map(({ id }) => id)).toEqual([published.id])
  expect(await relay.find({ kinds: [KINDS.MEMBERSHIP_LIST] })).toHaveLength(1)
})
