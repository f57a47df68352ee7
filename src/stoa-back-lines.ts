/** How this process asks those that do what is done once for all. */
import type { Logger } from './platform/index.ts'
import { LeaderLine } from './platform/leadership/index.ts'
import type { Shared } from './stoa-shared.ts'

/** Each is undefined where there is but this process. */
export interface Lines {
  readonly services?: LeaderLine
  readonly node?: LeaderLine
  close(): void
}

export function openLines({ bus, processBus }: Shared, logger: Logger): Lines {
  if (processBus === undefined) return { close: () => {} }
  const services = new LeaderLine(bus, logger)
  const node = new LeaderLine(bus, logger, 'ilp')
  return {
    services,
    node,
    close: () => {
      services.close()
      node.close()
    },
  }
}
