/**
 * A day in the life of an operator: everything by `stoa admin` and by NIP-86, each seen to work from the side of a client
 * and written in the audit log.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { authorizationOf, httpAuthEvent } from '../conformance/kit/http-auth.ts'
import { authorNamed, eventBy } from './authors.ts'
import { EventClient } from './event-client.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 240_000 })

const ACCEPTED = { isAccepted: true, text: '' }
const CLOSED_BY_OPERATOR = 3502
const owner = authorNamed('owner')
const alice = authorNamed('alice')
const troll = authorNamed('troll')

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

test('an operator invites, judges, bans, kicks, turns, mirrors, backs up and restores', async () => {
  const backups = stage.folder()
  const env = {
    // A stranger's first notes wait for a moderator.
    STOA_RELAY__POLICIES__NEWCOMERS__ACTION: 'hold',
    STOA_BACKUP__FOLDER: backups,
  }
  const stoa = await startWithOffice({ env })
  await admin(stoa, 'staff', 'grant', 'owner', owner.pubkey)

  // Invite and join.
  const { code } = (await admin(stoa, 'invite', 'create', '--uses', '1')) as { readonly code: string }
  const member = await EventClient.open(stoa.url)
  const join = eventBy(alice, { kind: 28_934, tags: [['-'], ['claim', code]] })
  expect(await member.publish(join)).toMatchObject({ isAccepted: false, text: /^auth-required: / })
  await member.authenticate(alice, stoa.url)
  const welcome = eventBy(alice, { kind: 28_934, tags: [['-'], ['claim', code]], content: 'again' })
  expect(await member.publish(welcome)).toMatchObject({ isAccepted: true, text: /^info: / })
  await vi.waitFor(async () => {
    const [list] = await member.query({ kinds: [13_534] })
    expect(list?.tags).toContainEqual(['member', alice.pubkey])
  }, 20_000)
  const note = eventBy(alice, { content: 'a member needs no moderator' })
  expect(await member.publish(note)).toEqual(ACCEPTED)

  // A stranger is held back, and let through.
  const stranger = await EventClient.open(stoa.url)
  const first = eventBy(troll, { content: 'my first note' })
  expect(await stranger.publish(first)).toMatchObject({ isAccepted: true, text: /^info: / })
  expect(await stranger.query({ ids: [first.id] })).toEqual([])
  expect(await management(stoa, 'listeventsneedingmoderation')).toMatchObject([{ id: first.id }])
  await management(stoa, 'allowevent', [first.id])
  await vi.waitFor(async () => expect(await stranger.query({ ids: [first.id] })).toEqual([first]), 10_000)

  // Reported, judged, banned.
  const report = eventBy(alice, {
    kind: 1984,
    tags: [
      ['p', troll.pubkey],
      ['e', first.id, 'spam'],
    ],
  })
  expect(await member.publish(report)).toEqual(ACCEPTED)
  await vi.waitFor(async () => {
    expect(JSON.stringify(await admin(stoa, 'report', 'list'))).toContain(first.id)
  }, 20_000)
  await admin(stoa, 'report', 'resolve', 'event', first.id, 'ban-event')
  await vi.waitFor(async () => expect(await stranger.query({ ids: [first.id] })).toEqual([]), 10_000)
  expect(await stranger.publish(first)).toMatchObject({ isAccepted: false, text: /^blocked: / })
  await management(stoa, 'banpubkey', [troll.pubkey, 'spam'])
  expect(await management(stoa, 'listbannedpubkeys')).toEqual([{ pubkey: troll.pubkey, reason: 'spam' }])
  expect(await stranger.publish(eventBy(troll, { content: 'more' }))).toMatchObject({ text: /^blocked: / })

  // Kicked, by its key; an address that is banned cannot come back.
  await admin(stoa, 'kick', 'key', alice.pubkey)
  expect(await member.ended).toBe(CLOSED_BY_OPERATOR)
  await management(stoa, 'blockip', ['127.0.0.1', 'trouble'])
  expect(await stranger.ended).toBe(CLOSED_BY_OPERATOR)
  await expect(EventClient.open(stoa.url)).rejects.toThrow('403')
  await management(stoa, 'unblockip', ['127.0.0.1'])
  const back = await EventClient.open(stoa.url)

  // A limit is turned, and maintenance is on for a while.
  await admin(stoa, 'limit', 'set', 'relay.limits.maxContentLength', '10')
  expect(await information(stoa)).toMatchObject({ limitation: { max_content_length: 10 } })
  await back.authenticate(alice, stoa.url)
  expect(await back.publish(eventBy(alice, { content: 'more than ten characters' }))).toMatchObject({
    text: /^invalid: /,
  })
  await admin(stoa, 'limit', 'set', 'relay.limits.maxContentLength', '100000')
  await management(stoa, 'changerelayname', ['The Painted Porch'])
  expect(await information(stoa)).toMatchObject({ name: 'The Painted Porch' })
  await admin(stoa, 'maintenance', 'on')
  await expect(EventClient.open(stoa.url)).rejects.toThrow('503')
  expect(await back.publish(eventBy(alice, { content: 'who is in may stay' }))).toEqual(ACCEPTED)
  await admin(stoa, 'maintenance', 'off')

  // Another relay is followed: its past, then what comes.
  const other = await stage.start()
  const source = await EventClient.open(other.url)
  const past = eventBy(alice, { content: 'written elsewhere' })
  expect(await source.publish(past)).toEqual(ACCEPTED)
  await admin(stoa, 'mirror', 'add', other.url)
  await vi.waitFor(async () => expect(await back.query({ ids: [past.id] })).toEqual([past]), 30_000)
  const live = eventBy(alice, { content: 'written elsewhere just now' })
  expect(await source.publish(live)).toEqual(ACCEPTED)
  await vi.waitFor(async () => expect(await back.query({ ids: [live.id] })).toEqual([live]), 30_000)

  // Backed up, and restored into an empty folder.
  await admin(stoa, 'backup', 'now')
  const kept = await back.query({ kinds: [1] })
  const audit = JSON.stringify(await admin(stoa, 'audit', 'list', '--limit', '200'))
  expect(AUDITED.filter((action) => !audit.includes(action))).toEqual([])
  expect(await admin(stoa, 'audit', 'verify')).toBeDefined()
  await stoa.stop()
  const folder = stage.folder()
  const restored = await stage.run(['restore', backups, '--data', `${folder}/data`])
  expect(restored.stderr).not.toContain('stoa:')
  expect(restored.code).toBe(0)
  const again = await startWithOffice({ dataDir: `${folder}/data` })
  const reader = await EventClient.open(again.url)
  expect(await reader.query({ kinds: [1] })).toEqual(kept)
  expect(await reader.publish(eventBy(troll, { content: 'still banned' }))).toMatchObject({
    text: /^blocked: /,
  })
  expect(JSON.stringify(await admin(again, 'member', 'list'))).toContain(alice.pubkey)
})

/** Names of what the audit log says of that day. */
const AUDITED = [
  'accounts.role_granted',
  'accounts.invite_created',
  'moderation.event_approved',
  'relay.event_banned',
  'relay.pubkey_banned',
  'relay.ip_blocked',
  'relay.ip_unblocked',
  'relay.maintenance',
  'settings.changed',
  'The Painted Porch',
  'mirror.added',
  'backup.started',
]

async function startWithOffice(options: Parameters<Stage['start']>[0]): Promise<StoaProcess> {
  const stoa = await stage.start({ hasOffice: true, ...options })
  await vi.waitFor(() => expect(stoa.stderr).toContain('"event":"office.open"'), 60_000)
  return stoa
}

/** `stoa admin …`; what it prints for machines. */
async function admin(stoa: StoaProcess, ...words: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await stage.run(['admin', ...words, '--json', '--data', stoa.dataDir])
  if (code !== 0) throw new Error(`stoa admin ${words.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

/** A call of NIP-86 by the owner. */
async function management(
  stoa: StoaProcess,
  method: string,
  params: readonly unknown[] = [],
): Promise<unknown> {
  const url = stoa.httpUrl('/')
  const body = JSON.stringify({ method, params })
  const authorization = authorizationOf(
    httpAuthEvent({ secret: owner.secretKey, pubkey: owner.pubkey }, { method: 'POST', url, body }),
  )
  const headers = { 'content-type': 'application/nostr+json+rpc', authorization }
  const response = await fetch(url, { method: 'POST', headers, body })
  const answer = (await response.json()) as { readonly result?: unknown; readonly error?: unknown }
  if (answer.result === undefined)
    throw new Error(`${method} was answered ${response.status} ${JSON.stringify(answer)}`)
  return answer.result
}

async function information(stoa: StoaProcess): Promise<unknown> {
  const response = await fetch(stoa.httpUrl('/'), { headers: { accept: 'application/nostr+json' } })
  return response.json()
}
