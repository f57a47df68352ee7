import { ProcessMeter } from '../process-meter.ts'
import { type Connection, openConnections, type Target } from './connection.ts'
import { Corpus } from './corpus.ts'
import type { LoadSetup } from './job.ts'

/** What every scenario works with. */
export interface BenchContext {
  readonly setup: LoadSetup
  readonly target: Target
  readonly meter: ProcessMeter | undefined
  /** The relay's core, when it was pinned to one. */
  readonly relayCore: number | undefined
  readonly dataset: Corpus
  readonly storedCount: number
  readonly live: Corpus
  readonly real: Corpus | undefined
}

export function createContext(setup: LoadSetup): BenchContext {
  return {
    setup,
    target: setup.target,
    meter: setup.pid === undefined ? undefined : new ProcessMeter(setup.pid),
    relayCore: setup.relayCore,
    dataset: Corpus.read(setup.datasetPath),
    storedCount: setup.storedCount,
    live: Corpus.read(setup.livePath),
    real: setup.realPath === undefined ? undefined : Corpus.read(setup.realPath),
  }
}

/**
 * Opens connections, gives them to `work`, and closes them whatever comes of it. A connection that the relay ends
 * makes the whole reject: a figure from what was left of them would be wrong.
 */
export async function withConnections<T>(
  target: Target,
  count: number,
  work: (connections: readonly Connection[]) => Promise<T>,
  open = openConnections,
): Promise<T> {
  const connections = await open(target, count)
  const lost = Promise.withResolvers<never>()
  for (const connection of connections) connection.onLost(lost.reject)
  try {
    return await Promise.race([work(connections), lost.promise])
  } finally {
    for (const connection of connections) connection.close()
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
