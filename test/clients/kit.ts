/** What every test of a client library stands on: a relay of its own, signed events, and a watch over the network. */
import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finalizeEvent, generateSecretKey, type VerifiedEvent } from 'nostr-tools/pure'
import { type Config, defaultConfig } from '../../src/config/index.ts'
import { createLogger } from '../../src/platform/index.ts'
import { startStoa } from '../../src/stoa.ts'

export interface TestRelay {
  /** `ws://127.0.0.1:…`, as libraries write it: without a slash at the end. */
  readonly url: string
  /** What the relay itself says of who is there. */
  presence(): Promise<Presence>
  stop(): Promise<void>
}

export interface Presence {
  readonly connections: number
  readonly subscriptions: number
}

/** Starts all of Stoa in this process, on a free port and an empty data folder. */
export async function startTestRelay({ requiresAuth = false } = {}): Promise<TestRelay> {
  const defaults = defaultConfig()
  const dir = await mkdtemp(join(tmpdir(), 'stoa-clients-'))
  const auth = { ...defaults.relay.auth, requiredToRead: requiresAuth, requiredToWrite: requiresAuth }
  const config: Config = {
    ...defaults,
    data: { dir },
    process: { roles: ['relay'] },
    relay: { ...defaults.relay, port: 0, threads: 1, auth },
  }
  const stoa = await startStoa(config, {
    logger: createLogger({ level: 'silent', format: 'json' }),
    load: () => ({ config, sources: new Map(), file: undefined }),
  })
  const [url = ''] = stoa.addresses
  return {
    url,
    presence: () => readPresence(url),
    stop: async () => {
      await stoa.stop()
      await rm(dir, { recursive: true })
    },
  }
}

async function readPresence(url: string): Promise<Presence> {
  const response = await fetch(`${url.replace('ws:', 'http:')}/health`)
  // Our own page; `src/platform/http.test.ts` holds its shape.
  const { components } = (await response.json()) as { readonly components: { readonly relay: Presence } }
  const { connections, subscriptions } = components.relay
  return { connections, subscriptions }
}

export interface Draft {
  readonly kind?: number
  readonly content?: string
  readonly tags?: string[][]
  /** Seconds. */
  readonly created_at?: number
}

/** An event that states only what matters to the test, signed; kind 1 and of this moment unless told otherwise. */
export function sign(secretKey: Uint8Array, draft: Draft = {}): VerifiedEvent {
  return finalizeEvent({ kind: 1, content: '', tags: [], created_at: nowSeconds(), ...draft }, secretKey)
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}

export const freshKey = generateSecretKey

export type EventFields = Pick<
  VerifiedEvent,
  'id' | 'pubkey' | 'created_at' | 'kind' | 'tags' | 'content' | 'sig'
>

/** The seven fields of NIP-01, without what a library has attached for itself. */
export function fieldsOf({ id, pubkey, created_at, kind, tags, content, sig }: EventFields): EventFields {
  return { id, pubkey, created_at, kind, tags, content, sig }
}

/** What a library threw or rejected with, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])

const dialled = new Set<string>()

/** Every host that anything in this process has tried to connect to since it started. */
export function dialledHosts(): readonly string[] {
  return [...dialled]
}

// Libraries know public relays by name and like to look around; here nothing leaves the machine, and who tries is told
// on. Every TCP and TLS connection of Node begins with this one method, the global WebSocket and `fetch` included.
Socket.prototype.connect = new Proxy(Socket.prototype.connect, {
  apply(connect, socket, args) {
    const host = hostOf(args)
    dialled.add(host)
    if (!LOOPBACK.has(host)) throw new Error(`a test tried to connect to ${host}`)
    return Reflect.apply(connect, socket, args)
  },
})

/** The host in the arguments of `connect`: options, or a port and a host; Node itself passes both as one list. */
function hostOf(args: readonly unknown[]): string {
  const [target, host] = Array.isArray(args[0]) ? args[0] : args
  if (typeof target !== 'object' || target === null) return typeof host === 'string' ? host : 'localhost'
  return 'host' in target && typeof target.host === 'string' ? target.host : 'localhost'
}
