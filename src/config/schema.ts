/**
 * Every setting Stoa has, declared once: type, bounds, default, a sentence. The sample file, the reference page,
 * the error text and the TypeScript type all come out of this file. A number's unit stands in its name.
 */
import { z } from 'zod'

export interface SettingNotes {
  /** What it does, for the reference page and the sample file. */
  readonly says: string
  /** True when a running program takes a new value on SIGHUP; otherwise it needs a restart. */
  readonly reloadable?: boolean
  /** True when the value must never be printed. */
  readonly secret?: boolean
}

/** What each setting and section says about itself, beside its type. */
export const notes = z.registry<SettingNotes>()

const MIB = 1024 * 1024
const GIB = 1024 * MIB

const hexKey = z.string().regex(/^[0-9a-f]{64}$/, 'must be a public key as 64 lowercase hex characters')
const noValue = z.literal('')
const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
const relayUrl = z.url({ protocol: /^wss?$/, error: 'must be a ws:// or wss:// URL' })
const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })
const ipRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'must be an IP address or a range like 10.0.0.0/8',
})
const count = z.int().min(0)
const atLeastOne = z.int().min(1)

const data = z
  .strictObject({
    dir: z.string().min(1).default('./data').register(notes, {
      says: 'Folder for everything Stoa keeps. A relative path starts at the folder the program was started in.',
    }),
  })
  .readonly()
  .register(notes, { says: 'Where Stoa keeps its files.' })

const limits = z
  .strictObject({
    maxMessageBytes: z
      .int()
      .min(4096)
      .max(64 * MIB)
      .default(MIB)
      .register(notes, { says: 'Longest WebSocket message a client may send, in bytes of UTF-8.' }),
    maxSubscriptions: atLeastOne.default(200).register(notes, {
      says: 'Subscriptions open at the same time on one connection.',
    }),
    maxFilters: atLeastOne.default(20).register(notes, { says: 'Filters in one REQ or COUNT.' }),
    maxFilterValues: atLeastOne.default(5000).register(notes, {
      says: 'Values in all the lists of one filter together.',
    }),
    maxSubidLength: z.int().min(1).max(64).default(64).register(notes, {
      says: 'Longest subscription id, in characters (NIP-01 allows no more than 64).',
    }),
    maxLimit: atLeastOne.default(5000).register(notes, {
      says: 'Largest `limit` a filter gets; more is lowered to this without complaint.',
    }),
    defaultLimit: atLeastOne
      .default(500)
      .register(notes, { says: 'The `limit` of a filter that names none.' }),
    maxEventTags: count.default(12_000).register(notes, { says: 'Tags in one event.' }),
    maxContentLength: count.default(262_144).register(notes, {
      says: 'Longest content of an event, in Unicode characters (an emoji outside the first plane is one).',
    }),
    minPowDifficulty: z.int().min(0).max(256).default(0).register(notes, {
      says: 'Leading zero bits an event id must have (NIP-13); 0 asks for no work.',
    }),
    powRequiresCommitment: z.boolean().default(true).register(notes, {
      says: 'Count work only when the nonce tag commits to the difficulty asked for, so that a lucky id is not work.',
    }),
    createdAtLowerLimitSeconds: count.default(0).register(notes, {
      says: 'How far in the past `created_at` may lie; 0 means any age.',
    }),
    createdAtUpperLimitSeconds: count.default(900).register(notes, {
      says: 'How far in the future `created_at` may lie; 0 means any distance.',
    }),
  })
  .readonly()
  .register(notes, {
    says: 'What one client may ask for. Each of these stands in the NIP-11 document where that has a word for it.',
  })

const auth = z
  .strictObject({
    requiredToRead: z.boolean().default(false).register(notes, {
      says: 'Answer REQ and COUNT only to clients that proved a key (NIP-42).',
    }),
    requiredToWrite: z.boolean().default(false).register(notes, {
      says: 'Accept EVENT only from clients that proved a key (NIP-42).',
    }),
    allowedPubkeys: z.array(hexKey).readonly().default([]).register(notes, {
      says: 'When not empty, only these keys may do what needs authentication; others get `restricted`.',
    }),
    windowSeconds: atLeastOne.default(600).register(notes, {
      says: 'How far the `created_at` of an AUTH event may be from now, either way.',
    }),
    maxFailuresPerMinute: atLeastOne.default(10).register(notes, {
      says: 'Failed AUTH messages one IP address may send in a minute before it has to wait.',
    }),
  })
  .readonly()
  .register(notes, { says: 'Authentication of clients (NIP-42).' })

const rates = z
  .strictObject({
    eventsPerSecond: count.default(5000).register(notes, {
      says: 'EVENT messages one IP address may send a second, on average; 0 means no limit.',
    }),
    eventsBurst: atLeastOne.default(20_000).register(notes, {
      says: 'EVENT messages one IP address may send at once after a quiet time.',
    }),
    requestsPerSecond: count.default(5000).register(notes, {
      says: 'REQ and COUNT messages one IP address may send a second, on average; 0 means no limit.',
    }),
    requestsBurst: atLeastOne.default(20_000).register(notes, {
      says: 'REQ and COUNT messages one IP address may send at once after a quiet time.',
    }),
    exemptIps: z.array(ipAddress).readonly().default(['127.0.0.1', '::1']).register(notes, {
      says: 'IP addresses that no rate applies to.',
    }),
  })
  .readonly()
  .register(notes, { says: 'Token buckets for each IP address. With several threads, each has its own.' })

const relay = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').register(notes, {
      says: 'Address to listen on; `0.0.0.0` or `::` opens it to the network.',
    }),
    port: z.int().min(0).max(65_535).default(7777).register(notes, {
      says: 'Port for WebSocket and HTTP; 0 takes any free one.',
    }),
    publicUrl: z
      .union([noValue, relayUrl], { error: 'must be empty or a ws:// or wss:// URL' })
      .default('')
      .register(notes, {
        says: 'The URL clients know this relay by, for example wss://relay.example.org; NIP-42 compares with it. Empty: taken from the Host header.',
      }),
    name: z
      .string()
      .min(1)
      .max(100)
      .default('Stoa')
      .register(notes, { says: 'Name in the NIP-11 document.' }),
    description: z.string().default('A public square for a Nostr community.').register(notes, {
      says: 'Description in the NIP-11 document.',
    }),
    icon: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'URL of a square picture for NIP-11.',
      }),
    banner: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'URL of a wide picture for NIP-11.',
      }),
    pubkey: z
      .union([noValue, hexKey], { error: 'must be empty or a public key as 64 lowercase hex characters' })
      .default('')
      .register(notes, { says: 'Public key of the operator, for NIP-11.' }),
    contact: z.string().default('').register(notes, {
      says: 'Another way to reach the operator, for NIP-11; a mailto: or https: URL.',
    }),
    postingPolicy: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'URL of the rules for posting, for NIP-11.',
      }),
    threads: z
      .union([z.literal('auto'), z.int().min(1).max(256)], {
        error: 'must be "auto" or an integer from 1 to 256',
      })
      .default('auto')
      .register(notes, {
        says: 'Threads the relay uses; 1 runs everything in one, more give one to the store and the others to sockets. `auto`: 1 with up to two processors, else as many as there are, at most 8.',
      }),
    trustedProxies: z.array(ipRange).readonly().default([]).register(notes, {
      says: 'Proxies whose X-Forwarded-For names the client; from anyone else it is ignored.',
    }),
    maxConnections: atLeastOne.default(20_000).register(notes, {
      says: 'Connections open at the same time; one more is answered 503.',
    }),
    maxConnectionsPerIp: count.default(0).register(notes, {
      says: 'Connections one IP address may hold; 0 means no limit. With several threads, each counts its own.',
    }),
    pingIntervalSeconds: atLeastOne.default(30).register(notes, {
      says: 'A connection that was quiet for so long is sent a ping.',
    }),
    pingTimeoutSeconds: atLeastOne.default(30).register(notes, {
      says: 'A connection that does not answer a ping for so long is closed.',
    }),
    maxUnsentBytes: z
      .int()
      .min(64 * 1024)
      .default(8 * MIB)
      .register(notes, {
        says: 'Bytes that may wait for a slow reader; a live event beyond it ends the subscription.',
      }),
    verifier: z.enum(['auto', 'native', 'wasm']).default('auto').register(notes, {
      says: "How signatures are checked: `native` needs the system's libsecp256k1, `wasm` never uses it, `auto` takes it when it is there.",
    }),
    limits,
    auth,
    rates,
  })
  .readonly()
  .register(notes, { says: 'The Nostr relay.' })

const store = z
  .strictObject({
    segmentBytes: z
      .int()
      .min(MIB)
      .max(2 * GIB - 1)
      .default(128 * MIB)
      .register(notes, { says: 'A segment file of the event log is sealed at this size.' }),
    cacheBytes: count.default(512 * MIB).register(notes, { says: 'Raw events kept in memory.' }),
    indexBytes: count.default(GIB).register(notes, {
      says: 'Index kept in memory; older segments beyond it are read from disk.',
    }),
    sweepIntervalSeconds: atLeastOne.default(60).register(notes, {
      says: 'How often expired events (NIP-40) are removed; queries never show them in between.',
    }),
  })
  .readonly()
  .register(notes, { says: 'The event store.' })

const log = z
  .strictObject({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').register(notes, {
      says: 'The least important line that is written.',
      reloadable: true,
    }),
    format: z.enum(['auto', 'json', 'pretty']).default('auto').register(notes, {
      says: '`json` for machines, `pretty` for people, `auto` decides by whether a terminal is watching.',
    }),
  })
  .readonly()
  .register(notes, { says: 'The log, on standard error.' })

/** The whole configuration. Parsing a complete object with it also freezes it. */
export const configSchema = z.strictObject({ data, relay, store, log }).readonly()

export type Config = z.output<typeof configSchema>
