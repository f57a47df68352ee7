/** The links to all peers: opened and closed as their terms say, and what comes over them handed on. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { type BtpLimits, connectBtp, createBtpServer } from '../btp/index.ts'
import { createFailedTokens } from '../failed-tokens.ts'
import {
  type Bearer,
  createBearerCheck,
  createHttpLink,
  createHttpReceiver,
  jwtBearer,
} from '../http/index.ts'
import type { Link, LinkEvents } from '../link.ts'
import { MIN_JWT_SECRET_BYTES, type PeerLinkSettings, type PeerTerms } from '../peer.ts'

export interface PeerLinksDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** What a peer's link hands on. */
  readonly eventsOf: (peerId: string) => LinkEvents
  /** The client's address, as limits count it; unless given, nobody is held back for wrong tokens. */
  readonly addressOf?: (request: IncomingMessage) => string | undefined
  readonly btpLimits?: Partial<BtpLimits>
}

interface OpenLink {
  readonly link: Link
  readonly terms: PeerTerms
  readonly events: LinkEvents
}

type HttpLinkSettings = Extract<PeerLinkSettings, { kind: 'http' }>

export type PeerLinks = ReturnType<typeof createPeerLinks>

export function createPeerLinks({
  clock,
  logger,
  eventsOf,
  addressOf = () => undefined,
  btpLimits = {},
}: PeerLinksDeps) {
  const open = new Map<string, OpenLink>()
  const byTokenHash = new Map<string, string>()
  /** One count for both doors. */
  const failedTokens = createFailedTokens({ clock })
  const btp = createBtpServer({
    authenticate: ({ token }) => byTokenHash.get(createHash('sha256').update(token).digest('hex')),
    failedTokens,
    addressOf,
    clock,
    logger,
    limits: btpLimits,
  })
  const receiveHttp = createHttpReceiver({
    check: createBearerCheck({
      peerOfTokenHash: (hash) => byTokenHash.get(hash),
      jwtSecretOf: (peerId) => jwtSecretOf(open.get(peerId)?.terms),
      clock,
    }),
    eventsOf: (peerId) => {
      const known = open.get(peerId)
      return known?.terms.link.kind === 'http' ? known.events : undefined
    },
    failedTokens,
    logger,
  })

  const close = async (peerId: string): Promise<void> => {
    const known = open.get(peerId)
    if (known === undefined) return
    open.delete(peerId)
    for (const [hash, id] of byTokenHash) if (id === peerId) byTokenHash.delete(hash)
    await known.link.close()
  }

  return {
    handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      btp.handleUpgrade(request, socket, head),
    receiveHttp,
    linkOf: (peerId: string) => open.get(peerId)?.link,

    /** Opens the link of a peer; one that it had before must be closed. */
    open(terms: PeerTerms): Link {
      const events = eventsOf(terms.id)
      const { link: settings, id } = terms
      if (settings.kind !== 'btp-client') byTokenHash.set(settings.tokenHash, id)
      const link = openLink(terms, events)
      open.set(id, { link, terms, events })
      return link
    },

    close,

    /** Ends all of them. */
    async stop(): Promise<void> {
      await btp.close()
      await Promise.all([...open.keys()].map(close))
    },
  }

  function openLink({ id, link }: PeerTerms, events: LinkEvents): Link {
    const common = { events, clock, logger: logger.child({ peerId: id }) }
    if (link.kind === 'btp-server') return btp.addPeer(id, events)
    if (link.kind === 'btp-client')
      return connectBtp({ ...common, url: link.url, token: link.token, limits: btpLimits })
    return createHttpLink({ ...common, url: link.url, bearer: bearerOf(link, clock) })
  }
}

function bearerOf({ token, jwtSubject }: HttpLinkSettings, clock: Clock): Bearer {
  if (jwtSubject === undefined) return () => token
  return jwtBearer({ secret: Buffer.from(token), subject: jwtSubject, clock })
}

function jwtSecretOf(terms: PeerTerms | undefined): Uint8Array | undefined {
  if (terms?.link.kind !== 'http') return undefined
  const secret = Buffer.from(terms.link.token)
  return secret.length < MIN_JWT_SECRET_BYTES ? undefined : secret
}
