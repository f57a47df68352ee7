/** Rules for what is taken and what is shown: `relay.policies`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import {
  action,
  atLeastOne,
  count,
  fallback,
  keys,
  kindNumber,
  kindRanges,
  noValue,
  webUrl,
} from './values.ts'

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
    says: 'Spam by its looks: repeats by many keys, advertising, links, and what was learnt from labelled notes (a sign of 60, see src/spam/README.md). The other weights stand in src/events/search/spam-signs.ts. Members and allowed keys are not scored when they write.',
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

export const policies = z
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
