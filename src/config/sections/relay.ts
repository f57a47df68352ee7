/** The relay: `relay`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { policies } from './relay-policies.ts'
import {
  atLeastOne,
  count,
  hexKey,
  ipAddress,
  ipRange,
  keys,
  kindRanges,
  level,
  MIB,
  noValue,
  relayUrl,
  webUrl,
} from './values.ts'

const limits = z
  .strictObject({
    maxMessageBytes: z
      .int()
      .min(4096)
      .max(64 * MIB)
      .default(MIB)
      .register(notes, {
        says: 'Longest WebSocket message a client may send, in bytes of UTF-8.',
        reloadable: true,
      }),
    maxSubscriptions: atLeastOne.default(200).register(notes, {
      says: 'Subscriptions open at the same time on one connection.',
      reloadable: true,
    }),
    maxFilters: atLeastOne
      .default(20)
      .register(notes, { says: 'Filters in one REQ or COUNT.', reloadable: true }),
    maxFilterValues: atLeastOne.default(5000).register(notes, {
      says: 'Values in all the lists of one filter together.',
      reloadable: true,
    }),
    maxSubidLength: z.int().min(1).max(64).default(64).register(notes, {
      says: 'Longest subscription id, in characters (NIP-01 allows no more than 64).',
      reloadable: true,
    }),
    maxLimit: atLeastOne.default(5000).register(notes, {
      says: 'Largest `limit` a filter gets; more is lowered to this without complaint.',
      reloadable: true,
    }),
    defaultLimit: atLeastOne
      .default(500)
      .register(notes, { says: 'The `limit` of a filter that names none.', reloadable: true }),
    maxEventTags: count.default(12_000).register(notes, { says: 'Tags in one event.', reloadable: true }),
    maxContentLength: count.default(262_144).register(notes, {
      says: 'Longest content of an event, in Unicode characters (an emoji outside the first plane is one).',
      reloadable: true,
    }),
    minPowDifficulty: z.int().min(0).max(256).default(0).register(notes, {
      says: 'Leading zero bits an event id must have (NIP-13); 0 asks for no work.',
      reloadable: true,
    }),
    powRequiresCommitment: z.boolean().default(true).register(notes, {
      says: 'Count work only when the nonce tag commits to the difficulty asked for, so that a lucky id is not work.',
      reloadable: true,
    }),
    createdAtLowerLimitSeconds: count.default(0).register(notes, {
      says: 'How far in the past `created_at` may lie; 0 means any age.',
      reloadable: true,
    }),
    createdAtUpperLimitSeconds: count.default(900).register(notes, {
      says: 'How far in the future `created_at` may lie; 0 means any distance.',
      reloadable: true,
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
      reloadable: true,
    }),
    requiredToWrite: z.boolean().default(false).register(notes, {
      says: 'Accept EVENT only from clients that proved a key (NIP-42).',
      reloadable: true,
    }),
    allowedPubkeys: z.array(hexKey).readonly().default([]).register(notes, {
      says: 'When not empty, only these keys may do what needs authentication; others get `restricted`.',
      reloadable: true,
    }),
    windowSeconds: atLeastOne.default(600).register(notes, {
      says: 'How far the `created_at` of an AUTH event may be from now, either way.',
      reloadable: true,
    }),
    atConnect: z.enum(['off', 'optional', 'required']).default('off').register(notes, {
      says: 'Take a signed AUTH event in the URL, as `?authorization=`: `optional` when there is one, `required` from everybody.',
      reloadable: true,
    }),
    atConnectWindowSeconds: atLeastOne.default(60).register(notes, {
      says: 'How far the `created_at` of an AUTH event in the URL may be from now, either way.',
      reloadable: true,
    }),
    maxFailuresPerMinute: atLeastOne.default(10).register(notes, {
      says: 'Failed AUTH messages one IP address may send in a minute before it has to wait.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Authentication of clients (NIP-42).' })

const rates = z
  .strictObject({
    connectionsPerSecond: count.default(50).register(notes, {
      says: 'Connections one IP address may open a second, on average; 0 means no limit.',
      reloadable: true,
    }),
    connectionsBurst: atLeastOne.default(500).register(notes, {
      says: 'Connections one IP address may open at once after a quiet time.',
      reloadable: true,
    }),
    eventsPerSecond: count.default(5000).register(notes, {
      says: 'EVENT messages one IP address may send a second, on average; 0 means no limit.',
      reloadable: true,
    }),
    eventsBurst: atLeastOne.default(20_000).register(notes, {
      says: 'EVENT messages one IP address may send at once after a quiet time.',
      reloadable: true,
    }),
    requestsPerSecond: count.default(5000).register(notes, {
      says: 'REQ and COUNT messages one IP address may send a second, on average; 0 means no limit.',
      reloadable: true,
    }),
    requestsBurst: atLeastOne.default(20_000).register(notes, {
      says: 'REQ and COUNT messages one IP address may send at once after a quiet time.',
      reloadable: true,
    }),
    exemptIps: z.array(ipAddress).readonly().default(['127.0.0.1', '::1']).register(notes, {
      says: 'IP addresses that no rate applies to.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Token buckets for each IP address. With several threads, each has its own.' })

const negentropy = z
  .strictObject({
    enabled: z.boolean().default(true).register(notes, {
      says: 'Reconcile sets of events with other relays and clients (NIP-77).',
      reloadable: true,
    }),
    maxRecords: atLeastOne.default(1_000_000).register(notes, {
      says: 'Events that one NEG-OPEN may be about; more are refused.',
      reloadable: true,
    }),
    maxSessions: atLeastOne.default(10).register(notes, {
      says: 'Reconciliations open at the same time on one connection.',
      reloadable: true,
    }),
    maxFrameBytes: z
      .int()
      .min(4096)
      .default(128 * 1024)
      .register(notes, {
        says: 'Longest answer in one round, in bytes before they are written in hex.',
        reloadable: true,
      }),
    idleSeconds: atLeastOne.default(60).register(notes, {
      says: 'A reconciliation that was quiet for so long is ended.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Set reconciliation (NIP-77).' })

const levels = z
  .strictObject({
    connect: level.default(0).register(notes, {
      says: 'Level that it takes to connect at all; above 0 clients prove their key in the URL (relay.auth.atConnect).',
      reloadable: true,
    }),
    read: level.default(0).register(notes, { says: 'Level that a REQ takes.', reloadable: true }),
    write: level.default(0).register(notes, { says: 'Level that an EVENT takes.', reloadable: true }),
    count: level.default(0).register(notes, { says: 'Level that a COUNT takes.', reloadable: true }),
    exemptKinds: kindRanges.default([10002, 13194, '23194-23197']).register(notes, {
      says: 'Kinds that everybody may send and ask for, whatever level or key that takes: relay lists and wallets (NIP-65, NIP-47).',
      reloadable: true,
    }),
    members: keys.default([]).register(notes, { says: 'Keys that are members (2).', reloadable: true }),
    trusted: keys.default([]).register(notes, { says: 'Keys that are trusted (4).', reloadable: true }),
  })
  .readonly()
  .register(notes, {
    says: 'What clients may do by the best key they proved: 0 anonymous (none), 1 stranger, 2 member, 3 subscriber, 4 trusted.',
  })

/** One of relay.mirrors. Filters are read by whoever uses them, since only that part knows what a filter is. */
const mirror = z
  .strictObject({
    url: relayUrl,
    direction: z.enum(['pull', 'push', 'both']).default('pull'),
    filters: z.array(z.record(z.string(), z.unknown()).readonly()).max(20).readonly().default([]),
    maxEventsPerSecond: count.default(1000),
    maxEventCharacters: atLeastOne.default(MIB),
    takesProtected: z.boolean().default(false),
    sharesPrivate: z.boolean().default(false),
  })
  .readonly()

export const relay = z
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
        reloadable: true,
      }),
    name: z
      .string()
      .min(1)
      .max(100)
      .default('Stoa')
      .register(notes, { says: 'Name in the NIP-11 document.', reloadable: true }),
    description: z.string().default('A public square for a Nostr community.').register(notes, {
      says: 'Description in the NIP-11 document.',
      reloadable: true,
    }),
    icon: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'URL of a square picture for NIP-11.',
        reloadable: true,
      }),
    banner: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'URL of a wide picture for NIP-11.',
        reloadable: true,
      }),
    pubkey: z
      .union([noValue, hexKey], { error: 'must be empty or a public key as 64 lowercase hex characters' })
      .default('')
      .register(notes, { says: 'Public key of the operator, for NIP-11.', reloadable: true }),
    contact: z.string().default('').register(notes, {
      says: 'Another way to reach the operator, for NIP-11; a mailto: or https: URL.',
      reloadable: true,
    }),
    postingPolicy: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'URL of the rules for posting, for NIP-11.',
        reloadable: true,
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
    unixSocket: z.string().default('').register(notes, {
      says: 'Path of a Unix socket that is listened on as well, for a proxy on the same machine; empty: none.',
    }),
    maintenance: z.boolean().default(false).register(notes, {
      says: 'Take no new connections (503); those that are open live on.',
      reloadable: true,
    }),
    maxConnections: atLeastOne.default(20_000).register(notes, {
      says: 'Connections open at the same time; one more is answered 503.',
      reloadable: true,
    }),
    maxConnectionsPerIp: count.default(0).register(notes, {
      says: 'Connections one IP address may hold; 0 means no limit. With several threads, each counts its own.',
      reloadable: true,
    }),
    pingIntervalSeconds: atLeastOne.default(30).register(notes, {
      says: 'A connection that was quiet for so long is sent a ping.',
      reloadable: true,
    }),
    pingTimeoutSeconds: atLeastOne.default(30).register(notes, {
      says: 'A connection that does not answer a ping for so long is closed.',
      reloadable: true,
    }),
    maxUnsentBytes: z
      .int()
      .min(64 * 1024)
      .default(8 * MIB)
      .register(notes, {
        says: 'Bytes that may wait for a slow reader; a live event beyond it ends the subscription.',
        reloadable: true,
      }),
    verifier: z.enum(['auto', 'native', 'wasm']).default('auto').register(notes, {
      says: "How signatures are checked: `native` needs the system's libsecp256k1, `wasm` never uses it, `auto` takes it when it is there.",
    }),
    eoseHint: z.boolean().default(false).register(notes, {
      says: 'Say with EOSE whether everything that matches was sent (NIP-67). Off, because some client libraries throw away an EOSE with a third element.',
      reloadable: true,
    }),
    search: z.boolean().default(true).register(notes, {
      says: 'Answer filters with `search` (NIP-50). The index takes disk space and is built beside the events.',
    }),
    mirrors: z.array(mirror).max(100).readonly().default([]).register(notes, {
      says: 'Relays that are followed (`direction = "pull"`), fed (`push`) or `both`, each a table `[[relay.mirrors]]`; only `url` is needed. `filters` are those of NIP-01, without limit. `takesProtected` lets protected events in (NIP-70), `sharesPrivate` sends private messages and drafts, too.',
      reloadable: true,
    }),
    negentropy,
    limits,
    auth,
    rates,
    levels,
    policies,
  })
  .readonly()
  .register(notes, { says: 'The Nostr relay.' })
