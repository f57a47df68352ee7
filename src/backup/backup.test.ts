import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EventStore } from '../events/index.ts'
import { openLogStore } from '../events/log/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { alice, arbitraryPool, bob, drain, NOW_SECONDS, put, testEvent } from '../events/testing/index.ts'
import { createManualClock } from '../kernel/index.ts'
import { startBackups } from './backups.ts'
import { type CreateBackupOptions, createBackup } from './create-backup.ts'
import { type RestoreOptions, requireRestored, restoreBackup } from './restore-backup.ts'
import { verifyBackups } from './verify-backup.ts'

// Every file of a backup is flushed to disk several times, which takes long on a busy one.
vi.setConfig({ testTimeout: 120_000 })

const bounds = { maxEvents: 40, maxPlainBytes: 1_000_000 }

let root = ''
let folder = ''
const open: EventStore[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'stoa-backup-'))
  folder = join(root, 'backups')
})

afterEach(async () => {
  for (const store of open.splice(0)) await store.close()
  rmSync(root, { recursive: true, force: true })
})

const clock = createManualClock(NOW_SECONDS * 1000)
const contentPath = (file: string) => join(folder, 'content', file)

function backUp(store: EventStore, more: Partial<CreateBackupOptions> = {}) {
  clock.advanceMs(1)
  const sources = { store, dataDir: join(root, 'data'), configFile: undefined, withKeys: false }
  const { signal } = new AbortController()
  return createBackup({ folder, sources, clock, version: '1.2.3', signal, bounds, ...more })
}

/** Restores into a store of memory that outlives the restore. */
async function restored(more: Partial<RestoreOptions> = {}) {
  const store = createMemoryStore()
  const dataDir = mkdtempSync(join(root, 'restored-'))
  const openStore = async () => keptOpen(store)
  const { signal } = new AbortController()
  const report = await restoreBackup({ folder, dataDir, openStore, clock, signal, ...more })
  return { store, dataDir, report }
}

/** A store whose `close` does nothing, for tests that look into it afterwards. */
function keptOpen(store: EventStore, differently: Partial<EventStore> = {}): EventStore {
  return {
    put: (batch, nowSeconds) => store.put(batch, nowSeconds),
    has: (id) => store.has(id),
    query: (filters, nowSeconds) => store.query(filters, nowSeconds),
    count: (filters, nowSeconds) => store.count(filters, nowSeconds),
    sketch: (filter, offset, nowSeconds) => store.sketch(filter, offset, nowSeconds),
    idSet: (filter, maxIds, nowSeconds) => store.idSet(filter, maxIds, nowSeconds),
    remove: (ids) => store.remove(ids),
    sweepExpired: (nowSeconds) => store.sweepExpired(nowSeconds),
    stats: () => store.stats(),
    close: async () => undefined,
    ...differently,
  }
}

const exported = (store: EventStore) => drain(store.query([{}], clock.nowSeconds()), [100])

const notes = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) =>
    testEvent({ content: `note ${from + n}`, created_at: NOW_SECONDS - 100_000 + from + n }),
  )

async function storeOf(events: readonly ReturnType<typeof testEvent>[]): Promise<EventStore> {
  const store = createMemoryStore()
  await put(store, events)
  return store
}

async function logStore(name: string): Promise<EventStore> {
  const store = await openLogStore({ folder: join(root, name), maintenance: 'inline', search: false })
  open.push(store)
  return store
}

test('what is restored is what was backed up, byte for byte, whatever the events and the size of files', async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryPool(),
      fc.integer({ min: 8, max: 24 }),
      fc.constantFrom(800, 3_000, 1_000_000),
      async (pool, maxEvents, maxPlainBytes) => {
        rmSync(folder, { recursive: true, force: true })
        const store = await storeOf(pool)
        const { manifest } = await backUp(store, { bounds: { maxEvents, maxPlainBytes } })
        expect(manifest.events).toBe((await exported(store)).length)
        const { store: copy, report } = await restored()
        expect(report.refused).toEqual({})
        expect(await exported(copy)).toEqual(await exported(store))
      },
    ),
    { numRuns: 4 },
  )
}, 240_000)

test('a second backup takes over what has not changed, and both can be restored', async () => {
  const store = await storeOf(notes(200))
  const first = await backUp(store)
  const before = await exported(store)
  expect(first).toMatchObject({ newEventFiles: first.manifest.eventFiles.length, dropped: [] })
  expect(first.manifest.eventFiles.length).toBeGreaterThan(4)

  await put(store, notes(10, 200))
  await store.remove([notes(1)[0]?.id ?? ''])
  const second = await backUp(store)
  expect(second.newEventFiles).toBeLessThanOrEqual(4)
  expect(second.newEventFiles).toBeGreaterThanOrEqual(2)
  expect(await exported((await restored({ backup: first.name })).store)).toEqual(before)
  expect(await exported((await restored()).store)).toEqual(await exported(store))
})

test('of the backups in a folder so many stay as asked for, with all that they need and nothing else', async () => {
  const store = await storeOf(notes(100))
  for (let turn = 0; turn < 4; turn++) {
    await put(store, notes(30, 100 + turn * 30))
    await backUp(store, { keep: 2 })
  }
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  expect(names.length).toBe(2)
  expect(await verifyBackups(folder)).toMatchObject({
    damages: [],
    files: readdirSync(join(folder, 'content')).length,
  })
  expect(await exported((await restored()).store)).toEqual(await exported(store))
})

test('verify names the damaged file, restore refuses it before it writes, and the next backup writes it anew', async () => {
  const store = await storeOf(notes(200))
  const { manifest } = await backUp(store)
  const [first, second] = manifest.eventFiles.map(({ file }) => file)
  const bytes = readFileSync(contentPath(first ?? ''))
  bytes[20] = (bytes[20] ?? 0) ^ 1
  writeFileSync(contentPath(first ?? ''), bytes)
  rmSync(contentPath(second ?? ''))

  const { damages } = await verifyBackups(folder)
  expect(damages.map(({ file, what }) => [file, what])).toEqual([
    [first, 'has other content than was written'],
    [second, 'is missing'],
  ])
  const dataDir = join(root, 'fresh')
  await expect(restored({ dataDir })).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
    message: expect.stringContaining(first ?? '-'),
  })
  expect(existsSync(dataDir)).toBe(false)

  await backUp(store)
  expect((await verifyBackups(folder)).damages).toEqual([])
  expect(await exported((await restored()).store)).toEqual(await exported(store))
})

test('a folder that is not empty is not restored into', async () => {
  await backUp(await storeOf(notes(3)))
  const dataDir = join(root, 'used')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'something'), '')
  await expect(restored({ dataDir })).rejects.toMatchObject({ code: 'RESTORE_REFUSED' })
  const used = keptOpen(await storeOf(notes(1, 50)))
  const again = { dataDir: join(root, 'new'), openStore: async () => used }
  await expect(restored(again)).rejects.toMatchObject({ code: 'RESTORE_REFUSED' })
  // Not even the second time, when a marker of the first could say that these events are its own.
  rmSync(again.dataDir, { recursive: true })
  await expect(restored(again)).rejects.toMatchObject({ code: 'RESTORE_REFUSED' })
})

test('an event whose id is not its own or whose signature is refused is left out and counted', async () => {
  await backUp(await storeOf(notes(10)))
  const { report, store } = await restored({ verifyBatch: (events) => events.map((_, index) => index !== 3) })
  expect(report).toMatchObject({ events: 9, refused: { invalid: 1 } })
  expect((await exported(store)).length).toBe(9)
})

test('access lists and the configuration are part of it, keys only when asked for', async () => {
  const dataDir = join(root, 'data')
  mkdirSync(join(dataDir, 'keys'), { recursive: true })
  writeFileSync(join(dataDir, 'access.json'), '{"version":1,"lists":{}}')
  writeFileSync(join(dataDir, 'keys', 'relay.key'), Buffer.from([0, 10, 255]))
  const configFile = join(root, 'stoa.toml')
  writeFileSync(configFile, 'x = 1\r\n')
  const store = await storeOf(notes(1))
  const sources = { store, dataDir, configFile, withKeys: false }
  await backUp(store, { sources })
  const without = await restored()
  expect(readdirSync(without.dataDir).toSorted()).toEqual(['access.json', 'stoa.toml.from-backup'])
  expect(readFileSync(join(without.dataDir, 'stoa.toml.from-backup'), 'utf8')).toBe('x = 1\r\n')
  await backUp(store, { sources: { ...sources, withKeys: true } })
  const { dataDir: withKeys } = await restored()
  const key = join(withKeys, 'keys', 'relay.key')
  expect(readFileSync(key)).toEqual(Buffer.from([0, 10, 255]))
  expect(statSync(key).mode & 0o777).toBe(0o600)
  for (const name of readdirSync(join(folder, 'content')))
    expect(statSync(contentPath(name)).mode & 0o077).toBe(0)
})

test('a profile that is replaced again and again while it is backed up is there in some version', async () => {
  const profiles = (n: number) =>
    [alice, bob].map((pubkey) =>
      testEvent({ pubkey, kind: 0, content: `version ${n}`, created_at: NOW_SECONDS - 90_000 + n * 700 }),
    )
  const inner = await storeOf([...notes(300), ...profiles(0)])
  let version = 0
  // With every page that is read, both profiles are replaced, each version younger than the one before.
  const busy = keptOpen(inner, {
    query: (filters, nowSeconds) => {
      const cursor = inner.query(filters, nowSeconds)
      return {
        next: async (max) => {
          const page = await cursor.next(Math.min(max, 7))
          version += 1
          await put(inner, profiles(version))
          return page
        },
      }
    },
  })
  await backUp(busy)
  expect(version).toBeGreaterThan(20)
  const { store } = await restored()
  expect(await store.count([{ kinds: [0] }], NOW_SECONDS)).toBe(2)
  expect(await store.count([{ kinds: [1] }], NOW_SECONDS)).toBe(300)
})

test('a backup that is killed goes on where it was, whatever is left in the folder', async () => {
  const store = await logStore('events')
  await put(store, notes(4_000))
  const before = await exported(store)
  await store.close()
  open.splice(0)
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./testing/backup-child.ts', import.meta.url)), join(root, 'events'), folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (Number.parseInt(said.split('\n').at(-2) ?? '0', 10) >= 1_200) break
  }
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(said).not.toContain('made')
  expect(readdirSync(folder).filter((name) => name.startsWith('backup-'))).toEqual([])
  await expect(verifyBackups(folder)).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' })

  // As a kill in the middle of such a line would leave it.
  appendFileSync(join(folder, 'unfinished.jsonl'), '{"file":"events-')
  const again = await logStore('events')
  const { manifest, newEventFiles } = await backUp(again, {
    bounds: { maxEvents: 400, maxPlainBytes: 10_000_000 },
  })
  expect(manifest.eventFiles.length - newEventFiles).toBeGreaterThan(1)
  expect(readdirSync(join(folder, 'content')).filter((name) => name.endsWith('.partial'))).toEqual([])
  expect(existsSync(join(folder, 'unfinished.jsonl'))).toBe(false)
  expect(await exported((await restored()).store)).toEqual(before)
})

test('a restore that is killed is continued by the next one of the same backup, and by no other', async () => {
  const store = await logStore('events')
  await put(store, notes(3_000))
  const { name } = await backUp(store, { bounds: { maxEvents: 300, maxPlainBytes: 10_000_000 } })
  const dataDir = join(root, 'restored')
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./testing/restore-child.ts', import.meta.url)), folder, dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  await expect(requireRestored(dataDir)).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: expect.stringContaining(`stoa restore ${folder} --backup ${name} --data ${dataDir}`),
  })

  await put(store, notes(1, 3_000))
  const newer = await backUp(store)
  const openStore = () => logStoreAt(join(dataDir, 'events'))
  await expect(restored({ dataDir, openStore, backup: newer.name })).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
  })
  await restored({ dataDir, openStore, backup: name })
  expect(readdirSync(dataDir)).toEqual(['events'])
  await requireRestored(dataDir)
  const reopened = await logStoreAt(join(dataDir, 'events'))
  open.push(reopened)
  expect(await exported(reopened)).toEqual((await exported(store)).slice(1))
})

const logStoreAt = (path: string) => openLogStore({ folder: path, maintenance: 'inline', search: false })

test('a full disk ends the backup with a clear word, keeps the earlier one, and with room the next run goes on', async () => {
  const disk = join(root, 'disk')
  mkdirSync(disk)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status !== 0) {
    console.warn('not tested: a full disk needs the right to mount a tmpfs')
    return
  }
  try {
    folder = join(disk, 'backups')
    const store = await storeOf(notes(50))
    const first = await backUp(store)
    const before = await exported(store)
    // Random text, which does not become smaller.
    const noise = () => Array.from({ length: 4_000 }, () => Math.random().toString(36).slice(2, 12)).join('')
    const large = Array.from({ length: 60 }, (_, n) =>
      testEvent({ kind: 7, content: noise(), created_at: NOW_SECONDS + n }),
    )
    await put(store, large)
    await expect(backUp(store, { bounds: { maxEvents: 5, maxPlainBytes: 1_000_000 } })).rejects.toMatchObject(
      {
        code: 'BACKUP_FAILED',
        cause: { code: 'ENOSPC' },
      },
    )
    expect((await verifyBackups(folder)).damages).toEqual([])
    expect(await exported((await restored({ backup: first.name })).store)).toEqual(before)

    expect(spawnSync('mount', ['-o', 'remount,size=8m', disk]).status).toBe(0)
    const second = await backUp(store, { bounds: { maxEvents: 5, maxPlainBytes: 1_000_000 } })
    expect(second.manifest.eventFiles.length - second.newEventFiles).toBeGreaterThan(1)
    expect(await exported((await restored()).store)).toEqual(await exported(store))
  } finally {
    spawnSync('umount', [disk])
  }
})

test('a running program makes a backup when it is due, none when it is not, and says when it cannot', async () => {
  const store = await storeOf(notes(20))
  const settings = { folder, everyHours: 1, keep: 3, withKeys: false }
  const deps = {
    store,
    tables: () => undefined,
    dataDir: join(root, 'data'),
    configFile: undefined,
    version: '1.2.3',
    clock,
    logger: pino({ level: 'silent' }),
  }
  const off = startBackups({ ...deps, settings: { ...settings, folder: '' } })
  expect(await off.backUpNow()).toMatchObject({ ok: false, refusal: { code: 'BACKUP_OFF' } })
  await off.stop()

  const backups = startBackups({ ...deps, settings })
  await vi.waitFor(async () => expect((await backups.list()).length).toBe(1), 20_000)
  await vi.waitFor(() => expect(backups.stats()).toMatchObject({ isRunning: false, made: 1 }), 20_000)
  expect(await backups.backUpNow()).toMatchObject({ ok: true })
  await backups.stop()
  expect((await backups.list()).length).toBe(2)

  const later = startBackups({ ...deps, settings })
  await later.stop()
  expect((await later.list()).length).toBe(2)
  writeFileSync(join(root, 'file'), '')
  const broken = startBackups({ ...deps, settings: { ...settings, folder: join(root, 'file', 'below') } })
  expect(await broken.backUpNow()).toMatchObject({ ok: false, refusal: { code: 'BACKUP_FAILED' } })
  await broken.stop()
})

test('two backups at once do not write into one folder', async () => {
  const store = await storeOf(notes(20))
  const [first, second] = await Promise.allSettled([backUp(store), backUp(store)])
  expect([first?.status, second?.status].toSorted()).toEqual(['fulfilled', 'rejected'])
})
