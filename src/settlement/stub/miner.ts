import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { StubChain } from './chain.ts'

/**
 * Makes a block every so often, for a demonstration: a chain on its own stands still. A file that cannot be written is
 * told of once, and tried again. Returns how to stop.
 */
export function startStubMiner(
  chain: StubChain,
  { clock, logger, everyMs }: { readonly clock: Clock; readonly logger: Logger; readonly everyMs: number },
): () => void {
  let hasFailed = false
  const timer = setInterval(() => {
    try {
      chain.mine(clock.nowMs())
      hasFailed = false
    } catch (err) {
      if (!hasFailed) logger.error({ err }, 'settlement.stub_chain_failed')
      hasFailed = true
    }
  }, everyMs)
  return () => clearInterval(timer)
}
