import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { EventStore } from '../../events/index.ts'
import { systemClock } from '../../kernel/index.ts'
import type { Composition } from '../composition.ts'
import { runCli } from '../run-cli.ts'
import { verifyPlainly } from './signed-event.ts'

export interface TestRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface TestWorld {
  /** The working folder of the program. */
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Buffer
  /** What the commands find in the data folder; kept open between runs. */
  readonly store?: EventStore
  readonly compose?: Partial<Composition>
  readonly interrupted?: AbortSignal
}

/** Runs the real command line in a world made for a test. */
export async function runTestCli(args: readonly string[], world: TestWorld): Promise<TestRun> {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const outputs = Promise.all([text(stdout), text(stderr)])
  const exitCode = await runCli(args, '0.0.0-test', {
    env: world.env ?? {},
    cwd: world.cwd,
    stdin: Readable.from(world.stdin === undefined ? [] : [Buffer.from(world.stdin)]),
    stdout,
    stderr,
    clock: systemClock,
    compose: async () => ({ ...compositionOver(world.store), ...world.compose }),
    interrupted: world.interrupted ?? new AbortController().signal,
  })
  stdout.end()
  stderr.end()
  const [out, err] = await outputs
  return { exitCode, stdout: out, stderr: err }
}

function compositionOver(store: EventStore | undefined): Composition {
  return {
    startStoa: async () => {
      throw new Error('this test starts nothing')
    },
    openEventStore: async () => {
      if (store === undefined) throw new Error('this test has no store')
      return storeWith(store, { close: async () => undefined })
    },
    createEventVerifier: () => ({ name: 'plain', isNative: false, verifyBatch: verifyPlainly }),
    verifyEventStore: async () => ({ isSound: true, lines: ['sound'] }),
  }
}

/** A store that does some things differently, and the rest as `base` does. */
export function storeWith(base: EventStore, differently: Partial<EventStore>): EventStore {
  return {
    put: (batch, nowSeconds) => base.put(batch, nowSeconds),
    has: (id) => base.has(id),
    query: (filters, nowSeconds, audience) => base.query(filters, nowSeconds, audience),
    count: (filters, nowSeconds, audience) => base.count(filters, nowSeconds, audience),
    sketch: (filter, offset, nowSeconds, audience) => base.sketch(filter, offset, nowSeconds, audience),
    idSet: (filter, maxIds, nowSeconds, audience) => base.idSet(filter, maxIds, nowSeconds, audience),
    remove: (ids) => base.remove(ids),
    sweepExpired: (nowSeconds) => base.sweepExpired(nowSeconds),
    stats: () => base.stats(),
    close: () => base.close(),
    ...differently,
  }
}
