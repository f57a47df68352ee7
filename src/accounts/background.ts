import type { Logger } from '../platform/index.ts'

/** Work whose result the one who asked must not learn, not even from how long it took. */
export interface Background {
  /** Begins it; false when so much is under way already that it was not. */
  run(name: string, work: (signal: AbortSignal) => Promise<void>): boolean
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>
  /** Tells what is under way to give up, and waits for it. */
  stop(): Promise<void>
}

/** @param max how many may be under way. */
export function createBackground(logger: Logger, max = 200): Background {
  const stopping = new AbortController()
  const underWay = new Set<Promise<void>>()
  const settled = async () => {
    while (underWay.size > 0) await Promise.all(underWay)
  }
  return {
    run(name, work) {
      if (underWay.size >= max || stopping.signal.aborted) return false
      const running: Promise<void> = work(stopping.signal)
        .catch((err: unknown) => {
          if (!stopping.signal.aborted) logger.error({ err, work: name }, 'accounts.background_failed')
        })
        .finally(() => underWay.delete(running))
      underWay.add(running)
      return true
    },
    settled,
    stop: async () => {
      stopping.abort()
      await settled()
    },
  }
}
