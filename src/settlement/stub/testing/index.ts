/** The network of the stub for tests: a chain in a temporary file, and endpoints that can be made to fail. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type RailNetwork, testClock, testFolder } from '../../testing/test-node.ts'
import {
  createStubRail,
  endpointOf,
  openStubChain,
  type StubChain,
  type StubEndpoint,
  type StubView,
} from '../index.ts'

export { becomeQuiet, QUIET_STEP_MS } from '../../testing/test-node.ts'

/** What an endpoint does wrong; all off at first. */
export interface StubFaults {
  /** Answers nothing. */
  isStalled: boolean
  /** Answers as with status 500. */
  isFailing: boolean
  /** Takes a transaction, and fails before it says so. */
  losesAnswers: boolean
  /** Shows a chain as it was so long ago, or one that was made up. */
  lie: ((truth: StubView) => StubView) | undefined
}

export interface StubNetwork extends RailNetwork {
  readonly chain: StubChain
  /** Of the first endpoint of both wallets. */
  readonly faults: StubFaults
}

const CONFIRMATIONS = 3
const SECRETS = { alice: Buffer.alloc(32, 1), bob: Buffer.alloc(32, 2) }

export function stubNetwork({ endpoints: count = 1 }: { readonly endpoints?: number } = {}): StubNetwork {
  const folder = testFolder()
  const clock = testClock()
  const chain = openStubChain(join(folder.path, 'chain'), { asset: 'usdc' })
  const faults: StubFaults = { isStalled: false, isFailing: false, losesAnswers: false, lie: undefined }
  const endpoints = Array.from({ length: count }, (_, n) =>
    n === 0 ? faulty(endpointOf(chain), faults) : endpointOf(chain),
  )
  const openRail = (who: 'alice' | 'bob') =>
    createStubRail({ asset: 'usdc', chain, endpoints, secret: SECRETS[who], confirmations: CONFIRMATIONS })
  return {
    clock,
    chain,
    faults,
    openRail,
    fund: async (who, amount) => chain.mint(openRail(who).info.address, amount),
    finalise: async () => {
      for (let block = 0; block < CONFIRMATIONS; block++) chain.mine(clock.nowMs())
    },
    oneBlock: async () => chain.mine(clock.nowMs()),
    undoLastBlock: async () => chain.reorg(1),
    dispose: async () => folder.remove(),
  }
}

function faulty(endpoint: StubEndpoint, faults: StubFaults): StubEndpoint {
  const trouble = async (signal: AbortSignal) => {
    if (faults.isStalled) await delay(60_000, undefined, { signal, ref: false })
    if (faults.isFailing) throw new Error('500 internal server error')
  }
  return {
    view: async (signal) => {
      await trouble(signal)
      const truth = await endpoint.view(signal)
      return faults.lie?.(truth) ?? truth
    },
    submit: async (bytes, signal) => {
      await trouble(signal)
      await endpoint.submit(bytes, signal)
      if (faults.losesAnswers) throw new Error('the connection was reset')
    },
  }
}
