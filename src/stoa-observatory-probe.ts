/**
 * How relays are measured for what is published of them (NIP-66): connected to by the rules of the collector, and written
 * to with the relay's key. `.onion` relays are not measured: the way there says nothing of them.
 */
import { WebSocket } from 'ws'
import { AppError } from './kernel/index.ts'
import { type EventSigner, finalizeEvent } from './nostr/index.ts'
import { normalizeRelayAddress } from './observatory/collector/index.ts'
import { createRelayProbe, MAX_TALK_MESSAGE_BYTES, type RelayProbe } from './observatory/monitor/index.ts'
import { createNameResolver, guardedLookup, type ResolveName } from './platform/internet/index.ts'

export interface ProbeDeps {
  readonly signer: EventSigner
  /** As `observatory.allowPrivate`. */
  readonly allowPrivate: boolean
  /** Where relays are that are not reached by their names; what the operator named is not guarded. */
  readonly aliases: ReadonlyMap<string, string>
  /** URL of our own relay, which may be anywhere; undefined when there is none. */
  readonly own: string | undefined
  /** False: no relay is written to. */
  readonly measuresWrite: boolean
  /** The name servers when absent. */
  readonly resolve?: ResolveName
}

/** Where a socket goes, and with which look-up of names. */
interface Way {
  readonly address: string
  readonly lookup?: ReturnType<typeof guardedLookup>
}

export function observatoryProbe(deps: ProbeDeps): RelayProbe {
  const lookup = guardedLookup(deps.resolve ?? createNameResolver())
  return createRelayProbe({
    connect: async (url, signal) => connect(wayTo(url, deps, lookup), signal),
    ...(deps.measuresWrite && { sign: (template) => finalizeEvent(template, deps.signer) }),
  })
}

/** @throws AppError PEER_FAILED for where nobody is to be connected to. */
function wayTo(url: string, deps: ProbeDeps, lookup: NonNullable<Way['lookup']>): Way {
  const { aliases, own, allowPrivate } = deps
  const alias = aliases.get(url)
  if (alias !== undefined) return { address: alias }
  if (url === own) return { address: url }
  const address = normalizeRelayAddress(url, { allowPrivate, allowOnion: false })
  if (!address.ok) throw new AppError('PEER_FAILED', `This relay is not measured: ${address.refusal}.`)
  return allowPrivate ? { address: address.value } : { address: address.value, lookup }
}

/** Rejects when that fails, and when the signal aborts. */
function connect({ address, lookup }: Way, signal: AbortSignal): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const socket = new WebSocket(address, {
    ...(lookup !== undefined && { lookup }),
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: MAX_TALK_MESSAGE_BYTES,
  })
  socket.on('error', reject)
  socket.once('open', () => resolve(socket))
  // Of a handshake that is under way this is an error; later it is the end of the talk.
  const leave = (): void => socket.terminate()
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  return promise
}
