/** What Nostr is doing, over all relays: `observatory`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { GIB, kindNumber, MIB, noValue, relayUrl } from './values.ts'

const colour = z.union([noValue, z.string().regex(/^#[0-9a-f]{6}$/i, 'must be a colour like #7a4b2a')])

const brand = z
  .strictObject({
    name: z.string().max(60).default('').register(notes, {
      says: 'The name at the head of the page; empty: relay.name.',
      reloadable: true,
    }),
    tagline: z.string().max(160).default('').register(notes, {
      says: 'A line under it; empty: what the page is for.',
      reloadable: true,
    }),
    accent: colour.default('').register(notes, {
      says: 'The colour of links and charts on light pages, like #7a4b2a; empty: our own.',
      reloadable: true,
    }),
    accentDark: colour.default('').register(notes, {
      says: 'The same on dark pages.',
      reloadable: true,
    }),
    logo: z
      .union([
        noValue,
        z.string().regex(/^(\/(?![/\\])[^\s]*|data:image\/[^\s]+)$/, 'must be a path or a data: URL'),
      ])
      .default('')
      .register(notes, {
        says: 'A path on this server or a data: URL of an image; empty: our own.',
        reloadable: true,
      }),
    domain: z.string().max(253).default('').register(notes, {
      says: 'The domain that the page says it stands at; empty: none.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Name and looks of the public page.' })

const api = z
  .strictObject({
    requestsPer15Minutes: z.int().min(10).max(1_000_000).default(100).register(notes, {
      says: 'Requests of one address without an API key.',
    }),
    tiers: z
      .array(
        z
          .string()
          .regex(
            /^[a-z][a-z0-9-]{0,31}: requests=[1-9]\d{0,8} msat=\d{1,15}$/,
            'must be like "plus: requests=10000 msat=5000000"',
          ),
      )
      .max(10)
      .readonly()
      .default([
        'free: requests=1000 msat=0',
        'plus: requests=10000 msat=5000000',
        'pro: requests=100000 msat=25000000',
      ])
      .register(notes, {
        says: 'What an API key may ask in 15 minutes, and what it costs its owner in a calendar month, from relay credit. The first tier is that of a key without a subscription.',
      }),
  })
  .readonly()
  .register(notes, { says: 'Who may ask how much of /api/v1/stats.' })

const monitor = z
  .strictObject({
    publishes: z.boolean().default(true).register(notes, {
      says: 'Publish what is measured of relays as events of kinds 30166 and 10166 (NIP-66) on this relay. Only where the network is watched.',
    }),
    frequencySeconds: z.int().min(600).max(604_800).default(3600).register(notes, {
      says: 'How often each relay is published anew.',
    }),
    measuresWrite: z.boolean().default(true).register(notes, {
      says: 'Time writing too, by an ephemeral event to relays that say that anybody may write.',
    }),
  })
  .readonly()
  .register(notes, { says: 'This observatory as a monitor of relays (NIP-66).' })

export const observatory = z
  .strictObject({
    watch: z.enum(['off', 'own', 'network']).default('own').register(notes, {
      says: 'What is watched: `own` this relay alone, `network` also hundreds of others, to which the program then connects, `off` nothing. Needs the role `collector`.',
    }),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,32}$/, 'must be lowercase letters, digits and hyphens')
      .default('home')
      .register(notes, {
        says: 'Where this process stands. Collectors in several regions measure the same figures, and latency is shown for each.',
      }),
    seedList: z.boolean().default(true).register(notes, {
      says: 'Begin with the list of relays that comes with the program.',
    }),
    seeds: z.array(relayUrl).max(10_000).readonly().default([]).register(notes, {
      says: 'Further relays to begin with.',
    }),
    discover: z.boolean().default(true).register(notes, {
      says: 'Learn of more relays from relay lists (kind 10002) and other monitors (30166).',
    }),
    kinds: z
      .array(kindNumber)
      .max(200)
      .readonly()
      .default([0, 1, 3, 7, 9735, 30023, 10002])
      .register(notes, { says: 'Kinds of events that are counted; an empty list means all.' }),
    backfillHours: z.int().min(0).max(87_600).default(24).register(notes, {
      says: 'How far back a relay that is new is read; 0 means everything that it has.',
    }),
    maxConnections: z.int().min(1).max(10_000).default(240).register(notes, {
      says: 'Relays that this process is connected to at a time.',
    }),
    maxRelays: z.int().min(10).max(100_000).default(20_000).register(notes, {
      says: 'Relays that are remembered at all.',
    }),
    onionProxy: z
      .union([noValue, z.url({ protocol: /^socks5h?$/, error: 'must be a socks5:// URL' })])
      .default('')
      .register(notes, {
        says: 'A SOCKS5 proxy by which .onion relays are reached; empty: they are not.',
      }),
    allowPrivate: z.boolean().default(false).register(notes, {
      says: 'Connect to relays at private and loopback addresses too. For trying out: whoever publishes a relay list then has this program knock at your own network.',
    }),
    addressFile: z.string().default('').register(notes, {
      says: 'For demonstrations: a file with lines `wss://relay.example ws://127.0.0.1:7001`; a relay named there is connected to at the second address.',
    }),
    feedRelay: z.boolean().default(false).register(notes, {
      says: 'Store what is collected in this relay too, as far as its policies take it.',
    }),
    checkZapSigners: z.boolean().default(false).register(notes, {
      says: "Ask the wallets of zapped people (LNURL, over HTTPS) whose signature their receipts bear. Zaps are counted without it too, as 'not checked'.",
    }),
    maxUsers: z.int().min(10_000).max(100_000_000).default(4_000_000).register(notes, {
      says: 'Distinct users that are counted exactly, some 30 bytes of memory each; beyond it the figures are estimates and say so.',
    }),
    maxRelayUsers: z.int().min(10_000).max(400_000_000).default(16_000_000).register(notes, {
      says: 'Distinct pairs of relay and user that are counted exactly, some 16 bytes of memory each.',
    }),
    journalBytes: z
      .int()
      .min(16 * MIB)
      .default(GIB)
      .register(notes, {
        says: 'Disk space for what was collected while the database does not answer; beyond it relays are read more slowly.',
      }),
    snapshotSeconds: z.int().min(10).max(3600).default(300).register(notes, {
      says: 'How often the figures are written to the database.',
    }),
    keepSnapshotsDays: z.int().min(1).max(3650).default(90).register(notes, {
      says: 'How long those are kept.',
    }),
    keepLogsDays: z.int().min(1).max(3650).default(30).register(notes, {
      says: 'How long it is kept what relays did wrong, and when they came and went.',
    }),
    keepFingerprintsDays: z.int().min(92).max(3650).default(120).register(notes, {
      says: 'How old events may be and still be counted: of older ones it is forgotten whether they were, and they are counted apart. Where relays are read further back than this (backfillHours), or without an end, nothing is forgotten, and the database grows for ever (at 10 million observations a day by about 100 MB each day).',
    }),
    keepHoursDays: z.int().min(92).max(3650).default(100).register(notes, {
      says: 'How long what single relays had and how they answered is kept by the hour; before that it is kept by the day.',
    }),
    monitor,
    api,
    brand,
  })
  .readonly()
  .register(notes, {
    says: 'The observatory: what Nostr is doing, over all relays, and the public page of it.',
  })
