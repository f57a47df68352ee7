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

const kindNumber = z.int().min(0).max(65_535)
const kindRange = z.union([kindNumber, z.string().regex(/^\d{1,5}-\d{1,5}$/)], {
  error: 'must be a kind from 0 to 65535 or a range like "23194-23197"',
})
const kindRanges = z.array(kindRange).readonly()
const keys = z.array(hexKey).readonly()
const level = z.int().min(0).max(4)
const action = z.enum(['refuse', 'pretend', 'hold'])
const fallback = z.enum(['accept', 'refuse'])

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

const access = z
  .strictObject({
    allowedKinds: kindRanges.default([]).register(notes, {
      says: 'When not empty, only events of these kinds are taken.',
      reloadable: true,
    }),
    deniedKinds: kindRanges.default([]).register(notes, {
      says: 'Kinds that are not taken.',
      reloadable: true,
    }),
    onlyAllowedPubkeys: z.boolean().default(false).register(notes, {
      says: 'Take events of allowed authors only, also when the list below is empty and all of them are allowed while running (NIP-86).',
      reloadable: true,
    }),
    allowedPubkeys: keys.default([]).register(notes, {
      says: 'When not empty, only events of these authors are taken, and of those allowed while running (NIP-86).',
      reloadable: true,
    }),
    bannedPubkeys: keys.default([]).register(notes, {
      says: 'Keys whose events are not taken, and who may bring none.',
      reloadable: true,
    }),
    shadowPubkeys: keys.default([]).register(notes, {
      says: 'Keys whose events are answered as if they had been taken, and dropped.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, {
    says: 'Kinds and keys that are let in or kept out. What operators decide while the relay runs comes on top.',
  })

const kindLimits = z
  .strictObject({
    rules: z
      .array(z.string().regex(/^\d{1,5}(-\d{1,5})?:( (content|tags|bytes)=\d{1,9})+$/))
      .readonly()
      .default([])
      .register(notes, {
        says: 'Limits like `1: content=5000 tags=100` or `30000-39999: bytes=100000`; content in Unicode characters, bytes of the whole event.',
        reloadable: true,
      }),
  })
  .readonly()
  .register(notes, { says: 'Limits for certain kinds, beside those in relay.limits.' })

const policyRates = z
  .strictObject({
    keyPerSecond: count.default(100).register(notes, {
      says: 'Events one key may publish a second, on average, from all addresses together; 0 means no limit.',
      reloadable: true,
    }),
    keyBurst: atLeastOne.default(5000).register(notes, {
      says: 'Events one key may publish at once after a quiet time.',
      reloadable: true,
    }),
    kindRules: z
      .array(z.string().regex(/^\d{1,5}(-\d{1,5})?: [1-9]\d{0,8}\/(second|minute|hour|day)$/))
      .readonly()
      .default(['0: 120/minute', '3: 120/minute', '10000-19999: 1000/minute'])
      .register(notes, {
        says: 'Events of certain kinds one key may publish, like `0: 120/minute` or `30000-39999: 1000/hour`.',
        reloadable: true,
      }),
  })
  .readonly()
  .register(notes, {
    says: 'Token buckets for each key, counted after the signature check. Not for the addresses in relay.rates.exemptIps. With several threads, each has its own.',
  })

const work = z
  .strictObject({
    maxDifficulty: z.int().min(0).max(64).default(0).register(notes, {
      says: 'Proof of work asked for at most, in bits, while events come too fast (NIP-13); 0 never asks for more than relay.limits.minPowDifficulty.',
      reloadable: true,
    }),
    startDifficulty: z.int().min(1).max(64).default(12).register(notes, {
      says: 'Bits asked for when the rate is passed; each doubling of the rate adds two.',
      reloadable: true,
    }),
    aboveEventsPerSecond: atLeastOne.default(500).register(notes, {
      says: 'Events a second, over ten seconds, that are too fast. With several threads, each counts its own.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Proof of work that rises with the load. Members do not have to do it.' })

const privateMessages = z
  .strictObject({
    refuseUnwrapped: z.boolean().default(true).register(notes, {
      says: 'Refuse kinds that belong inside a gift wrap, 13, 14, 15 and 444: published by themselves they betray a conversation (NIP-17, NIP-59).',
      reloadable: true,
    }),
    senderMustAuthenticate: z.boolean().default(false).register(notes, {
      says: 'Take gift wraps only from clients that proved a key; which one is not compared.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Private messages (NIP-17, NIP-59).' })

const keywords = z
  .strictObject({
    words: z.array(z.string().min(2).max(500)).readonly().default([]).register(notes, {
      says: 'Words and phrases, or patterns between slashes like `/free .{0,9}coins?/`; upper and lower case are the same. Without look-around and back references, so that no text can keep a pattern busy.',
      reloadable: true,
    }),
    action: action.default('refuse').register(notes, {
      says: '`refuse` it, `pretend` to take it, or `hold` it for a moderator.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Words that are not wanted in contents and titles.' })

const trust = z
  .strictObject({
    seeds: keys.default([]).register(notes, {
      says: 'Keys from which the follow lists are walked; empty: off.',
      reloadable: true,
    }),
    depth: z.int().min(1).max(5).default(2).register(notes, {
      says: 'Steps from a seed: 1 is whom seeds follow, 2 whom those follow as well.',
      reloadable: true,
    }),
    minFollowers: atLeastOne.default(1).register(notes, {
      says: 'So many trusted keys must follow a key that no seed follows.',
      reloadable: true,
    }),
    refreshSeconds: z.int().min(10).max(604_800).default(3600).register(notes, {
      says: 'How often the follow lists in the store are walked again.',
      reloadable: true,
    }),
    exemptKinds: kindRanges
      .default([0, 3, 10002, 10050, 10051, 1059, 21059, 13194, '23194-23197', 24133])
      .register(notes, {
        says: 'Kinds that are taken from everybody: profiles, follow and relay lists, gift wraps (whose keys are thrown away), wallets, remote signers.',
        reloadable: true,
      }),
    action: action.default('refuse').register(notes, {
      says: 'What happens to events of others: `refuse`, `pretend` or `hold`.',
      reloadable: true,
    }),
    whenUnready: fallback.default('accept').register(notes, {
      says: 'What happens until the follow lists have been walked for the first time.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, {
    says: 'Web of trust: authors must be followed, over at most so many steps, from the seeds. Members and allowed keys need not be.',
  })

const spam = z
  .strictObject({
    threshold: z.int().min(0).max(1000).default(0).register(notes, {
      says: 'Score from which a text counts as spam, in hundredths; 100 is a good beginning, 0 is off.',
      reloadable: true,
    }),
    action: action.default('hold').register(notes, {
      says: 'What happens to it: `refuse`, `pretend` or `hold`.',
      reloadable: true,
    }),
    searchThreshold: z.int().min(0).max(1000).default(60).register(notes, {
      says: 'Score of a text by itself from which searches (NIP-50) leave it out, in hundredths; 0 leaves nothing out. Whoever asks with `include:spam` is shown everything.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, {
    says: 'Spam by its looks: repeats by many keys, advertising, links. The weights stand in src/events/search/spam-signs.ts. Members and allowed keys are not scored when they write.',
  })

const newcomers = z
  .strictObject({
    action: z.enum(['accept', 'refuse', 'pretend', 'hold']).default('accept').register(notes, {
      says: 'What happens to the events of a key of which none is stored: `hold` lets a moderator see the first post.',
      reloadable: true,
    }),
    kinds: kindRanges
      .default([1, 11, 20, 21, 22, 42, 1068, 1111, 30023])
      .register(notes, { says: 'Kinds that count as posts.', reloadable: true }),
  })
  .readonly()
  .register(notes, { says: 'First posts.' })

const plugin = z
  .strictObject({
    command: z.array(z.string().min(1)).readonly().default([]).register(notes, {
      says: 'Program and arguments that decide about events, in the plugin protocol of strfry; empty: none. Started again when its file changes.',
      reloadable: true,
    }),
    timeoutMs: z.int().min(10).max(60_000).default(2000).register(notes, {
      says: 'How long it may take for one event; then it is started again.',
      reloadable: true,
    }),
    maxWaiting: z.int().min(1).max(100_000).default(5000).register(notes, {
      says: 'Events that may wait for its answer.',
      reloadable: true,
    }),
    whenUnavailable: fallback.default('refuse').register(notes, {
      says: 'What happens to events while it does not answer.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'A program that decides. With several threads, each starts its own.' })

const hook = z
  .strictObject({
    url: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'Web service that is sent each event as a plugin would be, by POST, and answers the same; empty: none.',
        reloadable: true,
      }),
    secret: z.string().default('').register(notes, {
      says: 'Sent to it as `Authorization: Bearer …` unless empty.',
      reloadable: true,
      secret: true,
    }),
    timeoutMs: z.int().min(10).max(60_000).default(1000).register(notes, {
      says: 'How long it may take for one event.',
      reloadable: true,
    }),
    maxConcurrent: z.int().min(1).max(1000).default(16).register(notes, {
      says: 'Requests to it at a time.',
      reloadable: true,
    }),
    maxWaiting: z.int().min(1).max(100_000).default(1000).register(notes, {
      says: 'Events that may wait for their turn.',
      reloadable: true,
    }),
    breakAfterFailures: z.int().min(1).max(1000).default(5).register(notes, {
      says: 'After so many failures one after the other it is left alone for a while.',
      reloadable: true,
    }),
    breakSeconds: z.int().min(1).max(3600).default(30).register(notes, {
      says: 'For so long.',
      reloadable: true,
    }),
    whenUnavailable: fallback.default('refuse').register(notes, {
      says: 'What happens to events while it does not answer.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'A web service that decides. With several threads, each has its own bounds.' })

const reading = z
  .strictObject({
    privateKinds: z.array(kindNumber).readonly().default([4, 1059, 21_059]).register(notes, {
      says: 'Kinds shown only to their author and to those they name in a `p` tag (NIP-04, NIP-17, NIP-59).',
      reloadable: true,
    }),
    authorOnlyKinds: z.array(kindNumber).readonly().default([1234, 10_013, 31_234]).register(notes, {
      says: 'Kinds shown only to their author: drafts (NIP-37).',
      reloadable: true,
    }),
    kindLevels: z
      .array(z.string().regex(/^\d{1,5}: [1-4]$/))
      .readonly()
      .default([])
      .register(notes, {
        says: 'Kinds that take a level to be seen, like `1984: 4`.',
        reloadable: true,
      }),
    refuseWideFilters: z.boolean().default(false).register(notes, {
      says: 'Refuse filters that name no ids, authors, kinds, tag or search.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Who may see what.' })

const policies = z
  .strictObject({
    access,
    kindLimits,
    rates: policyRates,
    work,
    privateMessages,
    keywords,
    trust,
    spam,
    newcomers,
    plugin,
    hook,
    reading,
  })
  .readonly()
  .register(notes, { says: 'Rules for what is taken and what is shown.' })

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

const store = z
  .strictObject({
    engine: z.enum(['log', 'postgres']).default('log').register(notes, {
      says: 'Where events are kept: `log` in files of the data folder, for one process; `postgres` in the database, for as many as you like. Needs database.url and, for more than one process, redis.url.',
    }),
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

const redisUrl = z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })

const redis = z
  .strictObject({
    url: z
      .union([noValue, redisUrl], { error: 'must be empty or a redis:// or rediss:// URL' })
      .default('')
      .register(notes, {
        says: 'Redis (7 or newer) that several processes of one Stoa share, for example redis://:password@redis.internal:6379/0; empty: this process is alone and needs none.',
        secret: true,
      }),
    prefix: z
      .string()
      .max(100)
      .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces')
      .default('')
      .register(notes, {
        says: 'Stands before every key and channel in Redis, for example `stoa:`, when others use the same one.',
      }),
  })
  .readonly()
  .register(notes, { says: 'What several processes share while they run.' })

const database = z
  .strictObject({
    url: z
      .union([noValue, z.string().regex(/^postgres(ql)?:\/\/\S+$/)], {
        error: 'must be empty or a postgresql:// URL',
      })
      .default('')
      .register(notes, {
        says: 'PostgreSQL 15 or newer, as postgresql://user:password@host:5432/name. Empty: the program starts one of its own, with its files in the data folder.',
        secret: true,
      }),
    poolSize: z.int().min(2).max(500).default(10).register(notes, {
      says: 'Connections to the database that one process holds at most; a few more are for jobs.',
    }),
    statementTimeoutSeconds: count.default(30).register(notes, {
      says: 'The database gives up a statement that takes longer; 0 means never.',
    }),
    connectTimeoutSeconds: atLeastOne.default(5).register(notes, {
      says: 'How long to wait for a connection, new or free, before a request fails.',
    }),
  })
  .readonly()
  .register(notes, { says: 'The database of everything that is not an event of the relay.' })

const thisProcess = z
  .strictObject({
    roles: z
      .array(z.enum(['relay', 'api', 'jobs']))
      .readonly()
      .default(['relay', 'api', 'jobs'])
      .register(notes, {
        says: 'What this process does: `relay` serves Nostr clients, `api` serves operators over HTTP, `jobs` does what is done once for all. Processes that share the work need store.engine = "postgres".',
      }),
  })
  .readonly()
  .register(notes, { says: 'This process among those of one Stoa.' })

const signer = z
  .strictObject({
    passphrase: z.string().default('').register(notes, {
      says: 'Locks the key files in the data folder; empty: a random file beside them does, which protects from little.',
      secret: true,
    }),
    relayKey: z.string().default('').register(notes, {
      says: "The relay's own key, nsec or hex; empty: one is made and kept in the data folder.",
      secret: true,
    }),
    relayKeyFile: z.string().default('').register(notes, {
      says: "A file with the relay's own key, nsec or hex, as containers are given secrets.",
    }),
  })
  .readonly()
  .register(notes, { says: 'Keys that Stoa signs with.' })

const accounts = z
  .strictObject({
    signUp: z.enum(['open', 'closed']).default('closed').register(notes, {
      says: 'Whether people can make an account by e-mail and password themselves. Signing in by a Nostr key needs none.',
      reloadable: true,
    }),
    accessTokenMinutes: z.int().min(1).max(60).default(10).register(notes, {
      says: 'How long an access token is good; after that a client takes a new one with its refresh token.',
      reloadable: true,
    }),
    sessionDays: z.int().min(1).max(365).default(30).register(notes, {
      says: 'After how long somebody has to sign in again, however often the session was used.',
      reloadable: true,
    }),
    confirmHours: z.int().min(1).max(168).default(24).register(notes, {
      says: 'How long the link in a mail that confirms an address is good.',
      reloadable: true,
    }),
    resetMinutes: z.int().min(5).max(1440).default(60).register(notes, {
      says: 'How long the link in a mail for a new password is good.',
      reloadable: true,
    }),
    webUrl: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'Where links in mails lead: /confirm and /reset below it, the code behind a #. Empty: mails hold the bare code.',
        reloadable: true,
      }),
    smtpUrl: z
      .union([noValue, z.url({ protocol: /^smtps?$/ })], {
        error: 'must be empty or an smtp:// or smtps:// URL',
      })
      .default('')
      .register(notes, {
        says: 'Mail server, as smtps://user:password@host or smtp://host:587. Empty: mails are written into the folder `mail` in the data folder.',
        secret: true,
      }),
    mailFrom: z.string().min(3).max(320).default('Stoa <stoa@localhost>').register(notes, {
      says: 'Sender of mails.',
    }),
    invitesBy: z.enum(['members', 'staff', 'nobody']).default('members').register(notes, {
      says: 'Who is given a fresh invite when they ask the relay for one (NIP-43, kind 28935).',
      reloadable: true,
    }),
    inviteDays: z.int().min(1).max(365).default(7).register(notes, {
      says: 'How long such an invite is good.',
      reloadable: true,
    }),
    maxMembers: z.int().min(1).max(100_000).default(10_000).register(notes, {
      says: 'Members that the community may have; the list of them is one event (NIP-43, kind 13534).',
      reloadable: true,
    }),
    announceMembers: z.boolean().default(true).register(notes, {
      says: 'Also publish who came and who went, as events of their own (NIP-43, kinds 8000 and 8001).',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Accounts, sessions, and the members of the community.' })

const moderation = z
  .strictObject({
    maxEntries: z.int().min(1).max(1_000_000).default(100_000).register(notes, {
      says: 'Entries of all lists of banned, allowed and levelled keys, events, kinds and addresses together. Every thread of the relay holds them.',
    }),
    pollSeconds: z.int().min(1).max(3600).default(15).register(notes, {
      says: 'How often a process looks whether another one has decided something that it was not told of.',
    }),
    maxHeldEvents: z.int().min(1).max(100_000).default(10_000).register(notes, {
      says: 'Events that may wait for a moderator; one more is refused.',
    }),
    maxHeldPerAuthor: z.int().min(1).max(10_000).default(20).register(notes, {
      says: 'Events of one key that may wait for a moderator.',
    }),
    keepHeldDays: z.int().min(1).max(365).default(30).register(notes, {
      says: 'After how long an event that nobody looked at is forgotten; also how long a decision about one is remembered.',
    }),
    maxOpenReports: z.int().min(1).max(1_000_000).default(100_000).register(notes, {
      says: 'Reports (NIP-56) in the queue; beyond it only those of members and trusted keys are still queued. The events are stored in any case.',
    }),
    keepReportsDays: z.int().min(14).max(3650).default(90).register(notes, {
      says: 'How long a report that was decided about is remembered. Older ones in the event store are not queued.',
    }),
    memberWeight: z.int().min(1).max(1000).default(3).register(notes, {
      says: 'How much the report of a member or subscriber counts in the order of the queue; that of a stranger counts 1.',
    }),
    trustedWeight: z.int().min(1).max(1000).default(10).register(notes, {
      says: 'How much the report of a trusted key counts.',
    }),
  })
  .readonly()
  .register(notes, { says: 'What moderators look at, and what they decide.' })

const retention = z
  .strictObject({
    rules: z
      .array(
        z
          .string()
          .regex(
            /^(\*|\d{1,5}(-\d{1,5})?|[0-9a-f]{64}): (keep|(days|hours|events|eventsPerKey)=[1-9]\d{0,11}( (days|hours|events|eventsPerKey)=[1-9]\d{0,11})*)$/,
          ),
      )
      .readonly()
      .default([])
      .register(notes, {
        says: 'What is removed, by kind, range of kinds, author or all (`*`): `7: days=90 events=1000000`, `30000-39999: eventsPerKey=500`, `*: days=365`; `<key>: keep` keeps everything. An event falls under the first rule that is for it.',
        reloadable: true,
      }),
    keepKinds: kindRanges.default([0, 3, 5, 62, 10002]).register(notes, {
      says: 'Kinds that neither rules nor the cap remove: profiles, follow and relay lists, and what keeps deleted events and vanished authors away (5, 62).',
      reloadable: true,
    }),
    maxDiskBytes: count.default(0).register(notes, {
      says: 'Disk space that the event store may take, for store.engine = "log"; above it the oldest events go. 0 means no cap.',
      reloadable: true,
    }),
    intervalSeconds: z.int().min(10).max(86_400).default(3600).register(notes, {
      says: 'How often the rules are applied.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'How long events are kept. Without rules and cap: for ever.' })

const backup = z
  .strictObject({
    folder: z.string().default('').register(notes, {
      says: 'Where the running program keeps backups of itself, best on another disk; empty: nowhere.',
      reloadable: true,
    }),
    everyHours: z.int().min(1).max(8760).default(24).register(notes, {
      says: 'Hours from one backup to the next.',
      reloadable: true,
    }),
    keep: z.int().min(1).max(10_000).default(7).register(notes, {
      says: 'Backups that stay; older ones are removed after a new one is whole.',
      reloadable: true,
    }),
    withKeys: z.boolean().default(false).register(notes, {
      says: 'Put the key files in as well. Who can read the backup can then try passphrases on them, or needs none when signer.passphrase is empty.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Backups that the running program makes of itself.' })

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
export const configSchema = z
  .strictObject({
    data,
    process: thisProcess,
    relay,
    store,
    redis,
    database,
    signer,
    accounts,
    retention,
    backup,
    moderation,
    log,
  })
  .readonly()

export type Config = z.output<typeof configSchema>
