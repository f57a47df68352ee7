/**
 * Every moment at which a crash could leave something behind: the folder is recorded before each change that the store
 * makes in it, and afterwards each recorded folder is opened as if the process had died there.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { createMemoryStore } from '../memory/index.ts'
import type { EventStore } from '../store.ts'
import { alice, bob, bytesOf, idsFound, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { type LogStoreOptions, openLogStore } from './log-store.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'

const tap = vi.hoisted(() => ({ beforeChange: () => {} }))

// The real file system, with somebody watching.
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>()
  const { promisify } = await import('node:util')
  const watched =
    <A extends unknown[], R>(change: (...args: A) => R) =>
    (...args: A): R => {
      tap.beforeChange()
      return change(...args)
    }
  const write = Object.assign(watched(real.write), { [promisify.custom]: watched(promisify(real.write)) })
  return {
    ...real,
    write,
    openSync: watched(real.openSync),
    writeSync: watched(real.writeSync),
    writeFileSync: watched(real.writeFileSync),
    renameSync: watched(real.renameSync),
    ftruncateSync: watched(real.ftruncateSync),
    rmSync: watched(real.rmSync),
    linkSync: watched(real.linkSync),
  }
})

interface CrashPoint {
  readonly files: ReadonlyMap<string, Buffer>
  /** How many steps were answered before it. */
  readonly answered: number
  readonly lastSeq: number
}

type Step = { readonly put: NostrEvent } | { readonly remove: readonly string[] }

const OPTIONS: Partial<LogStoreOptions> = {
  segmentBytes: 1_500,
  maintenance: 'inline',
  compaction: { joinCount: 3, minRemovedShare: 0.4, vanishedAgeMs: 0 },
}

/** Bob's request takes along what he had written by then, wherever in the log that is. */
const VANISHED_UNTIL = NOW_SECONDS + 8
const request = testEvent({ kind: 62, pubkey: bob, created_at: VANISHED_UNTIL })

/** Steps that are not answered yet when the next one begins. */
const UNDER_WAY = 3

let root: string
beforeEach(() => {
  root = temporaryFolder()
})
afterEach(() => rmSync(root, { recursive: true }))

test('wherever a crash happens, all that was answered holds, and what was under way happened wholly or not', async () => {
  const steps = makeSteps()
  const points = await record(steps)
  const states = await statesOf(steps)
  expect(points.length).toBeGreaterThan(200)
  for (const [number, { files, answered, lastSeq }] of points.entries()) {
    const folder = join(root, `crash${number}`)
    mkdirSync(folder)
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
    const board = noticeBoard()
    const store = await openLogStore({ ...OPTIONS, folder, notify: board.notify })
    const found = (await idsFound(store, [{}])).toSorted().join('\n')
    const where = `crash point ${number}, after step ${answered}: ${[...files.keys()].join(' ')}`
    expect(states.slice(answered, answered + 1 + UNDER_WAY), where).toContain(found)
    expect(store.stats().lastSeq, where).toBeGreaterThanOrEqual(lastSeq)
    const isVanished = found.includes(request.id)
    expect(board.warnings(), where).toEqual([])
    await store.settled()
    expect((await idsFound(store, [{}])).toSorted().join('\n'), `${where}, settled`).toBe(found)
    const late = testEvent({ pubkey: bob, created_at: VANISHED_UNTIL, content: 'late' })
    const [outcome] = await store.put([bytesOf(late)], NOW_SECONDS)
    expect(outcome?.status, where).toBe(isVanished ? 'vanished' : 'stored')
    await store.close()
    rmSync(folder, { recursive: true })
  }
}, 60_000)

/** Does the steps and records the folder at every change in it. */
async function record(steps: readonly Step[]): Promise<readonly CrashPoint[]> {
  const folder = join(root, 'recorded')
  const points: CrashPoint[] = []
  let answered = 0
  let lastSeq = 0
  let last = ''
  tap.beforeChange = () => {
    const files = filesIn(folder)
    const print = [...files].map(([name, bytes]) => `${name} ${bytes.toString('latin1')}`).join('\n')
    if (print === last) return
    last = print
    points.push({ files, answered, lastSeq })
  }
  try {
    mkdirSync(folder)
    const store = await openLogStore({ ...OPTIONS, folder })
    const underWay: Promise<void>[] = []
    for (const step of steps) {
      const answer = perform(store, step).then((seq) => {
        answered++
        lastSeq = Math.max(lastSeq, seq)
      })
      // The disk is always at work, so that maintenance has to find its moment between two writes.
      underWay.push(answer)
      if (underWay.length === UNDER_WAY) await underWay.shift()
    }
    await Promise.all(underWay)
    await store.settled()
    await store.close()
  } finally {
    tap.beforeChange = () => {}
  }
  return points
}

function filesIn(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const name of readdirSync(folder))
    if (!name.startsWith('lock')) files.set(name, readFileSync(join(folder, name)))
  return files
}

/** What is stored after none, one, two, … of the steps. */
async function statesOf(steps: readonly Step[]): Promise<readonly string[]> {
  const store = createMemoryStore()
  const states: string[] = ['']
  for (const step of steps) {
    await perform(store, step)
    states.push((await idsFound(store, [{}])).toSorted().join('\n'))
  }
  return states
}

/** Does a step; returns the sequence number that was given for it, if one was. */
async function perform(store: EventStore, step: Step): Promise<number> {
  if ('remove' in step) {
    await store.remove(step.remove)
    return 0
  }
  const [outcome] = await store.put([bytesOf(step.put)], NOW_SECONDS)
  expect(outcome?.status).toBe('stored')
  return outcome?.status === 'stored' ? outcome.seq : 0
}

/** A request to vanish, notes, profiles that replace each other, deletions, removals by the operator, and events that come back. */
function makeSteps(): readonly Step[] {
  const steps: Step[] = []
  const notes: NostrEvent[] = []
  for (let n = 0; n < 16; n++) {
    const created_at = NOW_SECONDS + n
    const note = testEvent({ content: `note ${n}`, created_at, pubkey: n % 2 === 0 ? alice : bob })
    notes.push(note)
    steps.push({ put: note })
    if (n % 2 === 0) steps.push({ put: testEvent({ kind: 0, content: `profile ${n}`, created_at }) })
    if (n === 10) steps.push({ put: request })
    if (n % 5 === 4) steps.push({ put: deletionOf(notes[n - 3]!, created_at) })
    if (n % 7 === 6) {
      const victim = notes[n - 2]!
      steps.push({ remove: [victim.id] })
      // By then its removal may be in another segment than either of its records.
      if (n % 2 === 0) steps.push({ put: victim })
    }
  }
  return steps
}

function deletionOf({ id, pubkey }: NostrEvent, created_at: number): NostrEvent {
  return testEvent({ kind: 5, pubkey, created_at, tags: [['e', id]] })
}
