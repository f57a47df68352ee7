import { pino } from 'pino'
import { connectBtp } from '../../src/interledger/btp/index.ts'
import type { Link } from '../../src/interledger/link.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { fulfilForwarded } from './forwarded-packets.ts'

const NO_DATA = Buffer.alloc(0)

/** One end of a BTP link, which fulfils what comes; resolves when the link is open. */
export async function connectEnd(url: string, token: string): Promise<Link> {
  const { promise: isOpen, resolve: opened } = Promise.withResolvers<void>()
  const link = connectBtp({
    url,
    token,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    events: {
      onPrepare: async (prepare) =>
        prepare.destination.startsWith('peer.')
          ? { type: 'reject', code: 'F00', triggeredBy: '', message: 'a bench', data: NO_DATA }
          : fulfilForwarded(prepare),
      onAsk: async () => undefined,
      onOpen: opened,
      onClosed: () => {},
    },
  })
  await isOpen
  return link
}
