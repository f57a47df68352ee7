import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { UnsignedTemplate } from './finalize-event.ts'
import {
  discoveryUrl,
  type MonitorAnnouncement,
  monitorAnnouncement,
  parseMonitorAnnouncement,
  parseRelayDiscovery,
  type RelayDiscovery,
  relayDiscovery,
} from './nip66.ts'

const NOTHING: RelayDiscovery = {
  url: 'wss://some.relay/',
  network: undefined,
  types: [],
  nips: [],
  requirements: new Map(),
  topics: [],
  acceptedKinds: [],
  refusedKinds: [],
  geohashes: [],
  countries: [],
  languages: [],
  rttOpenMs: undefined,
  rttReadMs: undefined,
  rttWriteMs: undefined,
  document: undefined,
}

function written(discovery: RelayDiscovery): UnsignedTemplate {
  const template = relayDiscovery(discovery, 1)
  if (!template.ok) throw new Error(template.refusal)
  return template.value
}

const read = (tags: readonly (readonly string[])[], content = '') =>
  parseRelayDiscovery({ kind: 30166, tags, content })

test('the example of NIP-66 is read, and written again', () => {
  const tags = [
    ['d', 'wss://some.relay/'],
    ['n', 'clearnet'],
    ['N', '40'],
    ['N', '33'],
    ['R', '!payment'],
    ['R', 'auth'],
    ['g', 'ww8p1r4t8'],
    ['l', 'en', 'ISO-639-1'],
    ['t', 'nsfw'],
    ['rtt-open', '234'],
  ]
  const outcome = read(tags)
  expect(outcome).toEqual({
    ok: true,
    value: {
      ...NOTHING,
      network: 'clearnet',
      nips: [33, 40],
      requirements: new Map([
        ['payment', false],
        ['auth', true],
      ]),
      topics: ['nsfw'],
      geohashes: ['ww8p1r4t8'],
      languages: ['en'],
      rttOpenMs: 234,
    },
  })
  if (outcome.ok) expect(new Set(written(outcome.value).tags)).toEqual(new Set(tags))
})

test('the announcement of NIP-66 is read with its timeouts in either order', () => {
  const outcome = parseMonitorAnnouncement({
    kind: 10166,
    tags: [
      ['timeout', 'open', '5000'],
      ['timeout', '3000', 'read'],
      ['timeout', '9000'],
      ['frequency', '3600'],
      ['c', 'WS'],
      ['c', 'nip11'],
      ['g', 'ww8p1r4t8'],
    ],
  })
  expect(outcome).toEqual({
    ok: true,
    value: {
      frequencySeconds: 3600,
      timeoutsMs: new Map([
        ['open', 5000],
        ['read', 3000],
        ['', 9000],
      ]),
      checks: ['ws', 'nip11'],
      geohashes: ['ww8p1r4t8'],
    },
  })
})

test.each([
  ['wss://Some.Relay', 'wss://some.relay/'],
  ['wss://some.relay:443/Path/', 'wss://some.relay/Path/'],
  ['ws://some.relay:7777', 'ws://some.relay:7777/'],
  ['wss://me:secret@some.relay/#x', 'wss://some.relay/'],
  ['https://some.relay', undefined],
  ['a'.repeat(64), undefined],
  [`wss://some.relay/${'x'.repeat(600)}`, undefined],
])('%s is normalised to %s', (url, normal) => {
  expect(discoveryUrl(url)).toBe(normal)
})

test('what cannot be read is passed over, and what is about no URL is refused', () => {
  expect(
    read(
      [
        ['d', 'wss://some.relay'],
        ['n', 'carrier pigeon'],
        ['N', '-1'],
        ['N', 'eleven'],
        ['N'],
        ['k', '1'],
        ['k', '!4'],
        ['k', '70000'],
        ['l', 'DE', 'countryCode'],
        ['l', 'Germany', 'countryName'],
        ['rtt-open', '12.7'],
        ['rtt-read', '99999999'],
        ['rtt-write', 'fast'],
        ['R', '__proto__'],
      ],
      'not json',
    ),
  ).toEqual({
    ok: true,
    value: {
      ...NOTHING,
      acceptedKinds: [1],
      refusedKinds: [4],
      countries: ['DE'],
      rttOpenMs: 13,
      requirements: new Map([['__proto__', true]]),
    },
  })
  expect(read([['d', 'a'.repeat(64)]])).toMatchObject({ ok: false })
  expect(parseRelayDiscovery({ kind: 1, tags: [['d', 'wss://a.b']], content: '' })).toMatchObject({
    ok: false,
  })
  expect(relayDiscovery({ ...NOTHING, url: 'nonsense' }, 1)).toMatchObject({ ok: false })
  expect(parseMonitorAnnouncement({ kind: 10166, tags: [] })).toMatchObject({ ok: false })
})

test('a flood of tags is cut', () => {
  const tags = [['d', 'wss://some.relay'], ...Array.from({ length: 5_000 }, (_, n) => ['t', `topic ${n}`])]
  const outcome = read(tags)
  expect(outcome.ok && outcome.value.topics.length).toBe(200)
})

const word = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' })
  .filter((text) => !text.startsWith('!'))
const words = fc.uniqueArray(word, { maxLength: 5 })
const ms = fc.option(fc.nat(60_000), { nil: undefined })
const numbers = fc.uniqueArray(fc.nat(65_535), { maxLength: 8 })
const discovery: fc.Arbitrary<RelayDiscovery> = fc.record({
  url: fc.constantFrom('wss://some.relay/', 'ws://abc.onion/', 'wss://some.relay:8443/path?x=1'),
  network: fc.constantFrom(undefined, 'clearnet', 'tor', 'i2p', 'loki'),
  types: words,
  nips: numbers.map((all) => all.toSorted((a, b) => a - b)),
  requirements: fc
    .uniqueArray(fc.tuple(word, fc.boolean()), { selector: ([key]) => key })
    .map((all) => new Map(all)),
  topics: words,
  acceptedKinds: numbers,
  refusedKinds: numbers,
  geohashes: words,
  countries: fc.uniqueArray(fc.constantFrom('DE', 'JP', 'US')),
  languages: fc.uniqueArray(fc.constantFrom('de', 'ja', 'en')),
  rttOpenMs: ms,
  rttReadMs: ms,
  rttWriteMs: ms,
  document: fc.constantFrom(undefined, '{"name":"some"}'),
})

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(discovery, (before) => {
      expect(parseRelayDiscovery(written(before))).toEqual({ ok: true, value: before })
    }),
  )
  const announcement: fc.Arbitrary<MonitorAnnouncement> = fc.record({
    frequencySeconds: fc.integer({ min: 1, max: 86_400 }),
    timeoutsMs: fc
      .constantFrom<[string, number][]>(
        [],
        [['open', 5000]],
        [
          ['', 1],
          ['read', 2],
        ],
      )
      .map((all) => new Map(all)),
    checks: fc.subarray(['open', 'read', 'write', 'nip11']),
    geohashes: words,
  })
  fc.assert(
    fc.property(announcement, (before) => {
      expect(parseMonitorAnnouncement(monitorAnnouncement(before, 1))).toEqual({ ok: true, value: before })
    }),
  )
})

const SAMPLE = resolve(import.meta.dirname, '../../../shared/data/relays/qntx_nip66_templates.json')
const isPresent = existsSync(SAMPLE)
if (!isPresent) console.warn('skipped: ../shared/data/relays/qntx_nip66_templates.json is missing')

describe.skipIf(!isPresent)('what another monitor has published', () => {
  test('is read, each of its URLs, NIPs, requirements and times', () => {
    const templates = JSON.parse(readFileSync(SAMPLE, 'utf8')) as readonly UnsignedTemplate[]
    expect(templates.length).toBeGreaterThan(90)
    for (const template of templates) {
      const outcome = parseRelayDiscovery(template)
      if (!outcome.ok) throw new Error(`${outcome.refusal}: ${JSON.stringify(template.tags)}`)
      const values = (name: string) => template.tags.flatMap(([tag, value]) => (tag === name ? [value] : []))
      expect(outcome.value.url).toBe(discoveryUrl(values('d')[0]!))
      expect(new Set(outcome.value.nips.map(String))).toEqual(new Set(values('N')))
      expect([...outcome.value.requirements.keys()].length).toBe(new Set(values('R')).size)
      expect(outcome.value.rttOpenMs?.toString()).toBe(values('rtt-open')[0])
      expect(outcome.value.network).toBe(values('n')[0])
    }
  })
})
