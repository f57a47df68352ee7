/** What an operator does with the program, from the first start to a restored backup, over real sockets and files. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { byNewest, type WireEvent } from '../conformance/kit/event.ts'
import { authorNamed, eventBy } from './authors.ts'
import { type Answer, EventClient } from './event-client.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

const ACCEPTED: Answer = { isAccepted: true, text: '' }
/** What the shell is told when the data folder is in use. */
const EXIT_REFUSED = 3
const EXIT_FAILED = 1
/** RFC 6455's registry: the service restarts. */
const SERVICE_RESTART = 1012

// A journey starts the program up to four times, on a machine that may have other work.
vi.setConfig({ testTimeout: 90_000 })

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

const alice = authorNamed('alice')

describe.each([{ threads: 1 }, { threads: 2 }])('with $threads thread(s)', ({ threads }) => {
  test('what was accepted is there after a stop and a start', async () => {
    const first = await stage.start({ threads })
    const events = [1, 2, 3].map((n) => eventBy(alice, { content: `note ${n} "é" 😀`, tags: [['t', 'x']] }))
    const writer = await EventClient.open(first.url)
    for (const event of events) expect(await writer.publish(event)).toEqual(ACCEPTED)
    expect(await first.stop()).toEqual({ code: 0, signal: null })
    expect(await writer.ended).toBe(SERVICE_RESTART)

    const second = await stage.start({ dataDir: first.dataDir, threads })
    const reader = await EventClient.open(second.url)
    expect(await reader.query({ authors: [alice.pubkey] })).toEqual(events.toSorted(byNewest))
    expect(await reader.publish(events[0]!)).toMatchObject({ isAccepted: true, text: /^duplicate: / })
  })

  test('a data folder in use is refused, and left alone', async () => {
    const first = await stage.start({ threads })
    const { code, stdout, stderr } = await startInVain({ dataDir: first.dataDir, threads })
    expect({ code, stdout }).toEqual({ code: EXIT_REFUSED, stdout: '' })
    expect(stderr).toContain(`stoa: The event store in ${join(first.dataDir, 'events')} is in use by process`)
    expect(stderr).toContain(`process ${first.pid}.`)
    for (const command of ['import', 'export']) {
      const run = await stage.run([command, '--data', first.dataDir])
      expect(run.code, command).toBe(EXIT_REFUSED)
    }
    const client = await EventClient.open(first.url)
    expect(await client.publish(eventBy(alice))).toEqual(ACCEPTED)
  })

  test('a port in use is named, and the data folder is free again', async () => {
    const owner = createServer().listen(0, '127.0.0.1')
    await once(owner, 'listening')
    const address = owner.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const dataDir = stage.folder()
    const { code, stdout, stderr } = await startInVain({ dataDir, threads, port })
    owner.close()
    expect({ code, stdout }).toEqual({ code: EXIT_FAILED, stdout: '' })
    expect(stderr).toContain(`stoa: The relay cannot listen on 127.0.0.1:${port}: the port is in use.`)
    await stage.start({ dataDir, threads })
  })

  test('a stop answers what was begun, and stores what it answered', async () => {
    const stoa = await stage.start({ threads })
    const clients = await Promise.all([1, 2, 3].map(() => EventClient.open(stoa.url)))
    const events = clients.map((_, n) =>
      Array.from({ length: 100 }, (__, i) => eventBy(alice, { content: `${n}/${i}` })),
    )
    const answers = clients.flatMap((client, n) => events[n]!.map((event) => client.publish(event)))
    // The relay reads in order: with this answered, it has begun everything before it.
    await Promise.all(clients.map((client) => client.query({ authors: [alice.pubkey], limit: 0 })))
    expect(await stoa.stop()).toEqual({ code: 0, signal: null })
    expect(await Promise.all(answers)).toEqual(answers.map(() => ACCEPTED))
    expect(await Promise.all(clients.map((client) => client.ended))).toEqual([1012, 1012, 1012])
    const again = await stage.start({ dataDir: stoa.dataDir, threads })
    expect(await storedIds(again)).toEqual(idsOf(events.flat()))
  })

  test('a client that never stops sending does not hold up the stop', async () => {
    const stoa = await stage.start({ threads })
    const accepted = new Set<string>()
    const flooders = await Promise.all([1, 2].map(() => EventClient.open(stoa.url)))
    const floods = flooders.map((client, n) => flood(client, `flood ${n}`, accepted))
    while (accepted.size < 50) await sleep(5)
    const startedMs = performance.now()
    expect(await stoa.stop()).toEqual({ code: 0, signal: null })
    expect(performance.now() - startedMs).toBeLessThan(15_000)
    await Promise.all(floods)
    const again = await stage.start({ dataDir: stoa.dataDir, threads })
    expect(await missing(again, [...accepted])).toEqual([])
  })

  test('the first EVENT is accepted as soon as the start is announced', async () => {
    const startedMs = performance.now()
    const stoa = await stage.start({ threads })
    const readyMs = performance.now() - startedMs
    const client = await EventClient.open(stoa.url)
    expect(await client.publish(eventBy(alice))).toEqual(ACCEPTED)
    const acceptedMs = performance.now() - startedMs
    console.info(
      `${threads} thread(s): ready after ${Math.round(readyMs)} ms, first EVENT accepted after ${Math.round(acceptedMs)} ms`,
    )
  })

  test('one port serves the pages, the health, the metrics and NIP-11, and nothing else', async () => {
    const stoa = await stage.start({ threads, env: { STOA_RELAY__NAME: 'Agora' } })
    const get = (path: string, accept = '*/*') => fetch(stoa.httpUrl(path), { headers: { accept } })

    const health = await get('/health')
    expect(health.status).toBe(200)
    expect(await health.json()).toMatchObject({
      status: 'ok',
      components: { relay: { status: 'ok' }, store: { status: 'ok' } },
    })
    const live = await get('/healthz')
    expect([live.status, await live.text()]).toEqual([200, 'ok\n'])

    const client = await EventClient.open(stoa.url)
    await client.publish(eventBy(alice))
    expect(await metricReaches(stoa, 'stoa_store_events', 1)).toBe(true)

    const information = await get('/', 'application/nostr+json')
    expect(information.headers.get('content-type')).toContain('application/nostr+json')
    expect(information.headers.get('access-control-allow-origin')).toBe('*')
    expect(await information.json()).toMatchObject({ name: 'Agora', limitation: { max_limit: 5000 } })
    const page = await get('/', 'text/html')
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await page.text()).toContain('Agora')

    for (const path of ['/nothing', '/metrics/more', '/..%2f..%2fpackage.json', '/health/']) {
      const answer = await get(path)
      expect([path, answer.status, await answer.json()]).toMatchObject([
        path,
        404,
        { error: { code: 'NOT_FOUND' } },
      ])
    }
  })
})

test('the port of another Stoa is in use like any other, although its threads share it', async () => {
  const first = await stage.start({ threads: 3 })
  const { code, stderr } = await startInVain({ threads: 3, port: Number(new URL(first.url).port) })
  expect(code).toBe(EXIT_FAILED)
  expect(stderr).toContain('the port is in use')
  const clients = await Promise.all(Array.from({ length: 8 }, () => EventClient.open(first.url)))
  const answers = clients.map((client, n) => client.publish(eventBy(alice, { content: `client ${n}` })))
  expect(await Promise.all(answers)).toEqual(answers.map(() => ACCEPTED))
})

test('with a disk that is really full events get "error:", reads go on, and with room writes do too', async () => {
  const disk = join(stage.folder(), 'disk')
  mkdirSync(disk)
  if (!isDone('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk)) {
    console.warn(
      'not tested: a really full disk needs the right to mount a tmpfs (O-08 covers failing writes)',
    )
    return
  }
  stage.atEnd(() => isDone('umount', disk))
  await liveThroughFullDisk(disk)
})

async function liveThroughFullDisk(disk: string): Promise<void> {
  const stoa = await stage.start({ dataDir: join(disk, 'data') })
  const client = await EventClient.open(stoa.url)
  const kept = eventBy(alice, { content: 'before' })
  expect(await client.publish(kept)).toEqual(ACCEPTED)
  const ballast = join(disk, 'ballast')
  expect(isDone('dd', 'if=/dev/zero', `of=${ballast}`, 'bs=64k')).toBe(false)
  // Larger than what is left of the last page of the segment, which a full disk still takes.
  const lost = eventBy(alice, { content: 'x'.repeat(100_000) })
  expect(await client.publish(lost)).toMatchObject({ isAccepted: false, text: /^error: / })
  expect(await client.query({ authors: [alice.pubkey] })).toEqual([kept])
  expect(stoa.stderr).toContain('store.write_failed')

  rmSync(ballast)
  await sleep(1_300)
  expect(await client.publish(lost)).toEqual(ACCEPTED)
  expect(await stoa.stop()).toEqual({ code: 0, signal: null })
  const again = await stage.start({ dataDir: join(disk, 'data') })
  expect(await storedIds(again)).toEqual(idsOf([kept, lost]))
}

/** Runs a tool of the system; false when it fails or is not there. */
function isDone(tool: string, ...args: readonly string[]): boolean {
  return spawnSync(tool, args).status === 0
}

/** A start that is expected to fail: how it ended and what it said. */
async function startInVain(options: Parameters<Stage['launch']>[0]) {
  const stoa = stage.launch(options)
  const exit = await stoa.untilEnded()
  return { ...exit, stdout: stoa.stdout, stderr: stoa.stderr }
}

/** Pipelines events until the connection ends, at most 200 unanswered at a time. */
async function flood(client: EventClient, name: string, accepted: Set<string>): Promise<void> {
  const author = authorNamed(name)
  for (let n = 0; client.isOpen; n += 1) {
    const event = eventBy(author, { content: String(n) })
    void client.publish(event).then((answer) => answer?.isAccepted && accepted.add(event.id))
    if (n % 20 === 0) await sleep(0)
    while (client.isOpen && client.unanswered > 200) await sleep(0)
  }
}

/** Which of these ids the relay does not have: asked in slices, for a fast machine accepts more than one answer may hold. */
async function missing(stoa: StoaProcess, ids: readonly string[]): Promise<string[]> {
  const client = await EventClient.open(stoa.url)
  const absent: string[] = []
  for (let from = 0; from < ids.length; from += 500) {
    const asked = ids.slice(from, from + 500)
    const stored = new Set(idsOf(await client.query({ ids: asked })))
    absent.push(...asked.filter((id) => !stored.has(id)))
  }
  return absent
}

async function storedIds(stoa: StoaProcess): Promise<string[]> {
  const client = await EventClient.open(stoa.url)
  return idsOf(await client.query({ limit: 5000 }))
}

function idsOf(events: readonly WireEvent[]): string[] {
  return events.map(({ id }) => id).toSorted()
}

/** Numbers of other threads arrive within a second or so. */
async function metricReaches(stoa: StoaProcess, name: string, value: number): Promise<boolean> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline) {
    const text = await (await fetch(stoa.httpUrl('/metrics'))).text()
    if (text.split('\n').includes(`${name} ${value}`)) return true
    await sleep(100)
  }
  return false
}
