/** Events in and out of the store by the command line: 7,428 real ones, 105 broken ones, and a backup brought back. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/events/memory/index.ts'
import { textsOn } from '../../src/events/testing/index.ts'
import { isWireEvent, type WireEvent } from '../conformance/kit/event.ts'
import { preimageOf, sha256Hex } from '../conformance/kit/sign.ts'
import { EventClient } from './event-client.ts'
import { Stage } from './stoa-process.ts'

const folder = resolve(import.meta.dirname, '../../../shared/data/events')
const realPath = join(folder, 'real_events.ndjson')
const invalidPath = join(folder, 'invalid_events.ndjson')
const isPresent = existsSync(realPath) && existsSync(invalidPath)
if (!isPresent)
  console.warn('skipped: ../shared/data/events (real_events.ndjson, invalid_events.ndjson) is missing')

const MEMBERS = ['id', 'pubkey', 'created_at', 'kind', 'tags', 'content', 'sig'] as const
const IDS_PER_REQ = 500
const TIMEOUT_MS = 120_000

/** Why an import may refuse an event whose id and signature are right. */
const RULES = [/^superseded: .*NIP-01/, /^deleted: .*NIP-09/, /^expired: .*NIP-40/, /^ephemeral: .*NIP-01/]
const BROKEN = /^invalid: /

interface Totals {
  readonly lines: number
  readonly accepted: number
  readonly duplicate: number
  readonly refused: number
}

interface Reject {
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
}

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe.skipIf(!isPresent)('events found in the wild', () => {
  let real: readonly WireEvent[]
  beforeAll(() => {
    real = readEvents(realPath)
  })

  test(
    'all real ones are imported, but for what a rule refuses, and come back as they were',
    async () => {
      const dataDir = stage.folder()
      const { totals, rejects } = await importFile(realPath, dataDir)
      expect(totals.lines).toBe(7428)
      expect(totals.accepted + totals.duplicate + totals.refused).toBe(7428)
      expect(rejects).toHaveLength(totals.refused)
      expect(rejects.filter(({ line, reason }) => !isRightlyRefused(real[line - 1]!, reason))).toEqual([])

      const expected = await eventsThatRulesKeep(real.filter((event) => isIdRight(event)))
      // Private messages are among them, which only those they are for could read.
      const env = {
        STOA_RELAY__POLICIES__READING__PRIVATE_KINDS: '',
        STOA_RELAY__POLICIES__READING__AUTHOR_ONLY_KINDS: '',
      }
      const stoa = await stage.start({ dataDir, env })
      const client = await EventClient.open(stoa.url)
      const returned = await fetchByIds(
        client,
        real.map(({ id }) => id),
      )
      expect([...returned.keys()].toSorted()).toEqual(expected.map(({ id }) => id).toSorted())
      for (const event of expected) expect(returned.get(event.id)).toEqual(event)
      // Most of the file must be there, or the rules themselves have gone astray.
      expect(expected.length).toBeGreaterThan(6500)
      console.info(
        `7,428 lines: ${totals.accepted} accepted, ${totals.refused} refused, ${expected.length} kept`,
      )
    },
    TIMEOUT_MS,
  )

  test(
    'imported again they are duplicates or refused, and nothing changes',
    async () => {
      const dataDir = stage.folder()
      await importFile(realPath, dataDir)
      const before = await exportFile(dataDir)
      const { totals } = await importFile(realPath, dataDir)
      expect(totals.accepted).toBe(0)
      expect(await exportFile(dataDir)).toBe(before)
    },
    TIMEOUT_MS,
  )

  test(
    'an export brought into an empty store gives the same events, also compressed',
    async () => {
      const [original, copy] = [stage.folder(), stage.folder()]
      await importFile(realPath, original)
      const exported = await exportFile(original)
      expect(exported.split('\n').length).toBeGreaterThan(6500)
      const backup = join(stage.folder(), 'backup.jsonl.zst')
      const run = await stage.run(['export', '--data', original, '--zstd', '--output', backup])
      expect(run).toMatchObject({ code: 0 })
      const { totals, rejects } = await importFile(backup, copy)
      expect(rejects).toEqual([])
      expect(totals.accepted).toBe(exported.trimEnd().split('\n').length)
      expect(await exportFile(copy)).toBe(exported)
    },
    TIMEOUT_MS,
  )

  test('all 105 broken ones are refused as invalid, and none is stored', async () => {
    const dataDir = stage.folder()
    const { totals, rejects } = await importFile(invalidPath, dataDir)
    expect(totals).toMatchObject({ lines: 105, accepted: 0, duplicate: 0, refused: 105 })
    expect(rejects.filter(({ reason }) => !BROKEN.test(reason))).toEqual([])
    expect(await exportFile(dataDir)).toBe('')
  })
})

async function importFile(
  path: string,
  dataDir: string,
): Promise<{ readonly totals: Totals; readonly rejects: readonly Reject[] }> {
  const rejectsPath = join(stage.folder(), 'rejects.ndjson')
  const run = await stage.run(['import', path, '--data', dataDir, '--json', '--rejects', rejectsPath])
  expect(run, run.stderr).toMatchObject({ code: 0 })
  // Written by the program that is tested; the assertions on its members are what checks it.
  const totals = JSON.parse(run.stdout) as Totals
  const rejects = linesOf(readFileSync(rejectsPath, 'utf8')).map((line) => JSON.parse(line) as Reject)
  return { totals, rejects }
}

/** The whole store as text, a line for each event. */
async function exportFile(dataDir: string): Promise<string> {
  const path = join(stage.folder(), 'export.ndjson')
  const run = await stage.run(['export', '--data', dataDir, '--output', path])
  expect(run, run.stderr).toMatchObject({ code: 0 })
  return readFileSync(path, 'utf8')
}

/** One line of the file is damaged in some copies; it must be refused for its id, every other by a rule. */
function isRightlyRefused(event: WireEvent, reason: string): boolean {
  if (!isIdRight(event)) return reason === 'invalid: id is not the hash of the event'
  return RULES.some((rule) => rule.test(reason))
}

function isIdRight(event: WireEvent): boolean {
  return sha256Hex(preimageOf(event.pubkey, event)) === event.id
}

/** What the plain store of the tests keeps of them. */
async function eventsThatRulesKeep(events: readonly WireEvent[]): Promise<readonly WireEvent[]> {
  const oracle = createMemoryStore()
  const nowSeconds = Math.floor(Date.now() / 1000)
  const batch = events.map((event) => Buffer.from(JSON.stringify(event, [...MEMBERS])))
  await oracle.put(batch, nowSeconds)
  const cursor = oracle.query([{}], nowSeconds)
  const kept: WireEvent[] = []
  for (let isDone = false; !isDone; ) {
    const page = await cursor.next(1000)
    for (const text of textsOn(page)) kept.push(asEvent(text))
    isDone = page.done
  }
  await oracle.close()
  return kept
}

async function fetchByIds(
  client: EventClient,
  ids: readonly string[],
): Promise<ReadonlyMap<string, WireEvent>> {
  const found = new Map<string, WireEvent>()
  for (let from = 0; from < ids.length; from += IDS_PER_REQ) {
    const some = ids.slice(from, from + IDS_PER_REQ)
    for (const event of await client.query({ ids: some, limit: IDS_PER_REQ })) found.set(event.id, event)
  }
  return found
}

function readEvents(path: string): readonly WireEvent[] {
  return linesOf(readFileSync(path, 'utf8')).map(asEvent)
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

function asEvent(text: string): WireEvent {
  const value: unknown = JSON.parse(text)
  if (!isWireEvent(value)) throw new Error(`not an event: ${text}`)
  return value
}
