import type { Client } from '../kit/client.ts'
import { checkSameEvent, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import type { Row } from '../kit/row.ts'
import { preimageOf, type RawParts, randomHex, sha256Hex, signEvent, signId, signRaw } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { serializationCases } from '../kit/vectors.ts'
import { check, checkSame, skip } from '../kit/verdict.ts'

const ESCAPED = '\b\t\n\f\r"\\'
const TEXTS_TO_KEEP = [
  '😀 👩‍👩‍👧 𝒜𐍈',
  '\ufdd0\ufdef',
  '\ufffe\uffff\u{1fffe}\u{10ffff}',
  '\u2028\u2029',
  '\u007f\u0085',
  'a\ufeffb',
  'e\u0301 is not \u00e9',
]
const MAX_EXACT = 2 ** 53 - 1

export const rows: readonly Row[] = [
  {
    id: 'E-01',
    level: 'M',
    claim: 'A valid event is accepted, and a REQ by its id returns the same seven values',
    run: async (t) => {
      await checkRoundTrip(
        await t.connect(),
        t.event(t.key(), {
          tags: [
            ['t', 'one'],
            ['r', 'two', 'three'],
          ],
        }),
      )
    },
  },
  {
    id: 'E-02',
    level: 'M',
    claim: 'An event whose id is not the hash of its content is refused',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const id = randomHex()
      await client.refuse({ ...t.event(key), id, sig: signId(key, id) }, ['invalid'], 'random id, signed')
      await client.refuse(
        { ...t.event(key), content: 'other words' },
        ['invalid'],
        'content changed after signing',
      )
      await client.accept(t.event(key))
    },
  },
  {
    id: 'E-03',
    level: 'M',
    claim: 'A wrong signature, one by another key and one of zeros are refused',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const event = () => t.event(key)
      const [flipped, foreign, zeros] = [event(), event(), event()]
      await client.refuse(
        { ...flipped, sig: flipLastDigit(flipped.sig) },
        ['invalid'],
        'one digit of sig changed',
      )
      await client.refuse({ ...foreign, sig: signId(t.key(), foreign.id) }, ['invalid'], 'sig by another key')
      await client.refuse({ ...zeros, sig: '0'.repeat(128) }, ['invalid'], 'sig of all zeros')
      await client.accept(event())
    },
  },
  {
    id: 'E-04',
    level: 'M',
    claim: 'A pubkey that is no point of the curve is refused, and the relay lives on',
    run: async (t) => {
      const client = await t.connect()
      for (const pubkey of ['f'.repeat(64), '0'.repeat(64), `${'0'.repeat(63)}5`]) {
        const draft = t.event(t.key())
        const event = { ...draft, pubkey, id: sha256Hex(preimageOf(pubkey, draft)) }
        await client.refuse(event, ['invalid'], `pubkey ${pubkey.slice(0, 4)}…${pubkey.slice(-4)}`)
      }
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'E-05',
    level: 'M',
    claim: 'Uppercase hex in id, pubkey or sig is refused',
    run: async (t) => {
      const client = await t.connect()
      for (const { event, what } of uppercaseEvents(t)) {
        await client.refuseText(JSON.stringify(['EVENT', event]), event.id, { why: what, mayNotice: false })
        const stored = await client.query({ ids: [event.id.toLowerCase()] })
        checkSame(stored, [], `stored after the refusal of ${what}`)
      }
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'E-06',
    level: 'M',
    claim: 'id, pubkey and sig of a wrong length or with a character that is no hex digit are refused',
    run: async (t) => {
      const client = await t.connect()
      for (const member of ['id', 'pubkey', 'sig'] as const) {
        for (const spoil of [shorter, longer, withLetterG]) {
          const event = t.event(t.key())
          const broken = { ...event, [member]: spoil(event[member]) }
          const text = JSON.stringify(['EVENT', broken])
          await client.refuseText(text, broken.id, {
            why: `${spoil.name} ${member}`,
            mayNotice: member === 'id',
          })
        }
      }
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'E-07',
    level: 'M',
    claim: 'The seven escaped characters survive in the content and in a tag value',
    run: async (t) => {
      const client = await t.connect()
      for (const char of [...ESCAPED, ESCAPED]) await checkBothPlaces(t, client, `a${char}b`)
    },
  },
  {
    id: 'E-08',
    level: 'D',
    claim: 'All other control characters, 0x00 too, are accepted and survive',
    run: async (t) => {
      const client = await t.connect()
      const codes = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code))
      for (const char of codes.filter((c) => !ESCAPED.includes(c)))
        await checkBothPlaces(t, client, `a${char}b`)
    },
  },
  {
    id: 'E-09',
    level: 'M',
    claim: 'An id hashed over a spelling that is not the canonical one is refused',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const base = { created_at: String(t.now()), kind: '1', tags: '[]' }
      for (const content of ['"https:\\/\\/nostr"', '"caf\\u00e9"', '"tab\\u0009"']) {
        const { id, text } = signRaw(key, { ...base, content })
        const why = `hashed with ${content}`
        await client.refuseText(`["EVENT",${text}]`, id, { why, mayNotice: false })
      }
      await client.accept(t.event(key, { content: 'https://nostr café tab\t' }))
    },
  },
  {
    id: 'E-10',
    level: 'M',
    claim:
      'A wire spelling with spaces, escapes or another member order is accepted when the id is canonical',
    run: async (t) => {
      const client = await t.connect()
      for (const spell of [withSpaces, withEscapes, withReversedMembers]) {
        const event = t.event(t.key(), { content: 'caf\u00e9 a/b', tags: [['r', 'https://x/y']] })
        client.sendText(`["EVENT",${spell(event)}]`)
        const { isAccepted, text } = await client.okFor(event.id)
        check(isAccepted, `${spell.name}: should be accepted, got "${text}"`)
        checkSameEvent((await client.query({ ids: [event.id] }))[0], event)
      }
    },
  },
  {
    id: 'E-11',
    level: 'D',
    claim: 'Emoji, noncharacters, U+2028, 0x7F, an inner BOM and decomposed accents stay as they are',
    run: async (t) => {
      const client = await t.connect()
      for (const text of TEXTS_TO_KEEP) await checkBothPlaces(t, client, text)
    },
  },
  {
    id: 'E-12',
    level: 'P',
    claim: 'A lone surrogate is refused',
    run: async (t) => {
      await refuseParts(t, [
        { content: '"a\\ud800b"' },
        { content: '"a\\udc00b"' },
        { tags: '[["t","\\ud83d"]]' },
      ])
    },
  },
  {
    id: 'E-13',
    level: 'M',
    claim: 'A kind that is no integer from 0 to 65535 is refused',
    run: (t) =>
      refuseParts(t, [
        { kind: '-1' },
        { kind: '65536' },
        { kind: '1.5' },
        { kind: '"1"' },
        { kind: 'null' },
        { kind: '1e400' },
      ]),
  },
  {
    id: 'E-14',
    level: 'M',
    claim: 'Kinds 0 and 65535 are accepted',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of [0, 65535]) await checkRoundTrip(client, t.event(t.key(), { kind }))
    },
  },
  {
    id: 'E-15',
    level: 'M',
    claim: 'A created_at that is a string, a fraction, null, a boolean or missing is refused',
    run: async (t) => {
      await refuseParts(t, [
        { created_at: `"${t.now()}"` },
        { created_at: `${t.now()}.5` },
        { created_at: 'null' },
        { created_at: 'true' },
      ])
      await refuseWithout(t, 'created_at')
    },
  },
  {
    id: 'E-16',
    level: 'P',
    claim: 'created_at 0, 2^31, 2^32 and 2^53-1 are valid and compared without overflow',
    needs: {
      relay: 'that sets no created_at limits',
      isShown: (info) => !hasTimeLimits(info),
      settings: { createdAtLowerLimit: null, createdAtUpperLimit: null },
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const times = [0, 2 ** 31, 2 ** 32, MAX_EXACT]
      const events = times.map((created_at) => t.event(key, { created_at }))
      for (const event of events) await checkRoundTrip(client, event)
      const stored = await client.query({ authors: [key.pubkey] })
      const returned = stored.map((event) => event.created_at)
      checkSame(returned, times.toReversed(), 'created_at values, newest first')
      const above = await client.query({ authors: [key.pubkey], since: 2 ** 32 })
      checkSame(above.length, 2, 'events since 2^32')
    },
  },
  {
    id: 'E-17',
    level: 'P',
    claim: 'created_at -1, 2^53 and above are refused',
    run: (t) =>
      refuseParts(t, [
        { created_at: '-1' },
        { created_at: '9007199254740992' },
        { created_at: '9223372036854775808' },
        { created_at: '18446744073709551615' },
        { created_at: '18446744073709551616' },
      ]),
  },
  {
    id: 'E-18',
    level: 'P',
    claim: 'created_at written as 1.7e9 or 1700000000.0 is read as that integer or refused, never altered',
    run: async (t) => {
      const client = await t.connect()
      const now = t.now()
      for (const spelling of [`${now}.0`, `${now / 1e9}e9`]) {
        const event = t.event(t.key(), { created_at: now })
        client.sendText(
          `["EVENT",${JSON.stringify(event).replace(`"created_at":${now}`, `"created_at":${spelling}`)}]`,
        )
        const isAnswer = (m: readonly unknown[]) => (m[0] === 'OK' && m[1] === event.id) || m[0] === 'NOTICE'
        const answer = await client.expect(`an answer to created_at ${spelling}`, isAnswer)
        const stored = await client.query({ ids: [event.id] })
        t.note(`${spelling}: ${JSON.stringify(answer)}`)
        if (answer[0] === 'OK' && answer[2] === true) checkSameEvent(stored[0], event)
        else checkSame(stored, [], `stored after the refusal of ${spelling}`)
      }
    },
  },
  {
    id: 'E-19',
    level: 'M',
    claim: 'tags that are no list of non-empty lists of strings are refused',
    run: async (t) => {
      await refuseParts(t, [
        { tags: '"x"' },
        { tags: '{}' },
        { tags: 'null' },
        { tags: '["t"]' },
        { tags: '[{"t":"x"}]' },
        { tags: '[["t",1]]' },
        { tags: '[["t",null]]' },
        { tags: '[["t",{}]]' },
        { tags: '[["t",["x"]]]' },
        { tags: '[[]]' },
      ])
      await refuseWithout(t, 'tags')
    },
  },
  {
    id: 'E-20',
    level: 'M',
    claim: 'Tags of one member, with empty values, of twenty members and repeated ones keep their order',
    run: async (t) => {
      const long = Array.from({ length: 20 }, (_, i) => (i === 0 ? 'x' : `v${i}`))
      const tags = [['d'], ['t', ''], long, ['t', 'same'], ['t', 'same'], ['a-long-name', '']]
      await checkRoundTrip(await t.connect(), t.event(t.key(), { tags }))
    },
  },
  {
    id: 'E-21',
    level: 'M',
    claim: 'A content that is a number, null or missing is refused',
    run: async (t) => {
      await refuseParts(t, [{ content: '1' }, { content: 'null' }, { content: '["x"]' }])
      await refuseWithout(t, 'content')
    },
  },
  {
    id: 'E-22',
    level: 'P',
    claim: 'An unknown member of the event object is ignored: not hashed, not stored, not sent on',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('extra', { authors: [key.pubkey] })
      const event = t.event(key)
      client.send(['EVENT', { ...event, seen_on: 'smuggled-member' }])
      const { isAccepted, text } = await client.okFor(event.id)
      check(isAccepted, `should be accepted, got "${text}"`)
      await live.expectEvent(event)
      const { texts } = await client.request({ ids: [event.id] })
      checkSame(texts.length, 1, 'events returned by id')
      const frames = [...texts, ...listener.received.map((frame) => frame.text)]
      check(!frames.some((frame) => frame.includes('smuggled')), 'the unknown member was sent on')
    },
  },
  {
    id: 'E-23',
    level: 'P',
    claim: 'Of a member given twice, the value that was validated is stored; the input text is never sent on',
    run: async (t) => {
      const client = await t.connect()
      let accepted = 0
      for (const decoyFirst of [true, false]) {
        const event = t.event(t.key(), { content: 'the signed words' })
        const signed = '"content":"the signed words"'
        const [decoy, whole] = ['"content":"decoy"', JSON.stringify(event)]
        const doubled = decoyFirst ? `${decoy},${signed}` : `${signed},${decoy}`
        client.sendText(`["EVENT",${whole.replace(signed, doubled)}]`)
        const isAnswer = (m: readonly unknown[]) => (m[0] === 'OK' && m[1] === event.id) || m[0] === 'NOTICE'
        const answer = await client.expect('an answer to the doubled member', isAnswer)
        const { events, texts } = await client.request({ ids: [event.id] })
        check(!texts.some((text) => text.includes('decoy')), 'the value that was not validated came back')
        if (answer[2] !== true) checkSame(events, [], 'stored although refused')
        else checkSameEvent(events[0], event)
        if (answer[2] === true) accepted += 1
      }
      t.note(`${accepted} of the two orders accepted`)
      await client.accept(t.event(t.key()))
      check(
        accepted < 2,
        'both orders were accepted: one of them was validated by another value than it shows',
      )
    },
  },
  {
    id: 'E-24',
    level: 'M',
    claim:
      'An EVENT without an event object gets a NOTICE; with an id that is a string, OK false with that id',
    run: async (t) => {
      const client = await t.connect()
      for (const text of ['["EVENT","x"]', '["EVENT",[]]', '["EVENT",null]', '["EVENT",7]', '["EVENT"]']) {
        client.sendText(text)
        await client.expect(`a NOTICE after ${text}`, (m) => m[0] === 'NOTICE' && typeof m[1] === 'string')
      }
      const id = randomHex()
      await client.refuseText(JSON.stringify(['EVENT', { id }]), id, { why: 'only an id', mayNotice: false })
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'E-25',
    level: 'S',
    claim: 'created_at is refused just outside the advertised window, and accepted just inside',
    needs: {
      relay: 'that advertises created_at_lower_limit or created_at_upper_limit',
      isShown: hasTimeLimits,
      settings: { createdAtLowerLimit: 3600, createdAtUpperLimit: 900 },
    },
    run: async (t) => {
      const client = await t.connect()
      const [lower, upper] = [t.info.limit('created_at_lower_limit'), t.info.limit('created_at_upper_limit')]
      check(lower !== undefined || upper !== undefined, 'the relay shows neither of the two limits')
      const at = (offset: number) => t.event(t.key(), { created_at: t.now() + offset })
      if (lower !== undefined && lower < t.now()) {
        await client.accept(at(-lower + 2))
        await client.refuse(at(-lower - 2), ['invalid'], `created_at ${lower + 2} s back`)
      }
      if (upper !== undefined) {
        await client.accept(at(upper - 2))
        await client.refuse(at(upper + 3), ['invalid'], `created_at ${upper + 3} s ahead`)
      }
    },
  },
  {
    id: 'E-26',
    level: 'S',
    claim:
      'Exactly max_event_tags tags and max_content_length Unicode characters are accepted, one more is not',
    needs: {
      relay: 'that advertises max_event_tags or max_content_length',
      isShown: (info) =>
        info.limit('max_event_tags') !== undefined || info.limit('max_content_length') !== undefined,
      settings: { maxEventTags: 50, maxContentLength: 300 },
    },
    run: async (t) => {
      const client = await t.connect()
      const checked = [await checkTagLimit(t, client), await checkContentLimit(t, client)]
      if (!checked.includes(true)) skip('the limits are larger than max_message_length lets one test')
    },
  },
  {
    id: 'E-27',
    level: 'M',
    claim: 'All 33 events of serialization.json are accepted and returned unchanged',
    timeoutMs: 40_000,
    needs: {
      relay: 'that sets no created_at limits',
      isShown: (info) => !hasTimeLimits(info),
      settings: { createdAtLowerLimit: null, createdAtUpperLimit: null },
    },
    run: async (t) => {
      const client = await t.connect()
      const vectors = serializationCases()
      checkSame(vectors.length, 33, 'vectors in the file')
      const refusedTimes = t.relay === undefined ? await refusedCreatedAts(t, client) : []
      for (const time of refusedTimes)
        t.note(`created_at ${time} is refused by an unadvertised policy: left out`)
      const tested = vectors.filter(({ event }) => !refusedTimes.includes(event.created_at))
      if (tested.length < 29) skip('an unadvertised policy refuses created_at 1700000000')
      for (const { event } of tested) await checkRoundTrip(client, event)
    },
  },
]

async function checkRoundTrip(client: Client, event: WireEvent): Promise<void> {
  await client.accept(event)
  const events = await client.query({ ids: [event.id] })
  checkSame(events.length, 1, `events returned for id ${event.id}`)
  checkSameEvent(events[0], event)
}

async function checkBothPlaces(t: Trial, client: Client, text: string): Promise<void> {
  await checkRoundTrip(client, t.event(t.key(), { content: text, tags: [['x', text]] }))
}

/** Each event is right but for the given fragments, over which id and signature are right as well. */
async function refuseParts(t: Trial, variants: readonly Partial<RawParts>[]): Promise<void> {
  const [client, key] = [await t.connect(), t.key()]
  for (const variant of variants) {
    const content = JSON.stringify(`conformance ${randomHex(8)}`)
    const parts = { created_at: String(t.now()), kind: '1', tags: '[]', content, ...variant }
    const { id, text } = signRaw(key, parts)
    const why = JSON.stringify(variant)
    await client.refuseText(`["EVENT",${text}]`, id, { why, mayNotice: false })
    checkSame(await client.query({ ids: [id] }), [], `stored after the refusal of ${why}`)
  }
  await client.accept(t.event(key))
}

async function refuseWithout(t: Trial, member: keyof WireEvent): Promise<void> {
  const client = await t.connect()
  const event = t.event(t.key())
  const rest = Object.fromEntries(Object.entries(event).filter(([name]) => name !== member))
  await client.refuseText(JSON.stringify(['EVENT', rest]), event.id, {
    why: `no ${member}`,
    mayNotice: false,
  })
}

async function checkTagLimit(t: Trial, client: Client): Promise<boolean> {
  const max = t.info.limit('max_event_tags')
  if (max === undefined || max * 12 > roomFor(t)) return false
  const tags = (count: number) => Array.from({ length: count }, () => ['x', 'y'])
  const withTags = (count: number) =>
    signEvent(t.key(), { kind: 1, created_at: t.now(), tags: tags(count), content: '' })
  await client.accept(withTags(max))
  await client.refuse(withTags(max + 1), ['invalid'], `${max + 1} tags`)
  return true
}

/** As many astral characters as fit: they are one character, two UTF-16 units and four bytes each. */
async function checkContentLimit(t: Trial, client: Client): Promise<boolean> {
  const max = t.info.limit('max_content_length')
  if (max === undefined || max + 4 > roomFor(t)) return false
  const astral = Math.min(max, Math.floor((roomFor(t) - max) / 3))
  const content = '🜁'.repeat(astral) + 'x'.repeat(max - astral)
  await client.accept(t.event(t.key(), { content }))
  await client.refuse(t.event(t.key(), { content: `${content}x` }), ['invalid'], `${max + 1} characters`)
  return true
}

/** Bytes of one message that are left for what a row wants to make large. */
function roomFor(t: Trial): number {
  return (t.info.limit('max_message_length') ?? 65_536) - 2_000
}

async function refusedCreatedAts(t: Trial, client: Client): Promise<number[]> {
  const times = [...new Set(serializationCases().map(({ event }) => event.created_at))]
  const refused: number[] = []
  for (const created_at of times) {
    const { isAccepted } = await client.publish(t.event(t.key(), { created_at }))
    if (!isAccepted) refused.push(created_at)
  }
  return refused
}

function hasTimeLimits(info: Trial['info']): boolean {
  const limits = [info.limit('created_at_lower_limit'), info.limit('created_at_upper_limit')]
  return limits.some((limit) => limit !== undefined)
}

/** Each with one member in uppercase; the pubkey also with an id and a signature over its uppercase form. */
function uppercaseEvents(t: Trial): { event: WireEvent; what: string }[] {
  const spoiled = (['id', 'pubkey', 'sig'] as const).map((member) => {
    const event = eventWithLetters(t).event
    return { event: { ...event, [member]: event[member].toUpperCase() }, what: `uppercase ${member}` }
  })
  const { event, key } = eventWithLetters(t)
  const pubkey = event.pubkey.toUpperCase()
  const id = sha256Hex(preimageOf(pubkey, event))
  return [
    ...spoiled,
    { event: { ...event, pubkey, id, sig: signId(key, id) }, what: 'uppercase pubkey, hashed so' },
  ]
}

/** An event whose id, pubkey and sig all hold a letter, so that uppercase makes a difference. */
function eventWithLetters(t: Trial): { event: WireEvent; key: Key } {
  for (;;) {
    const key = t.key()
    const event = t.event(key)
    if ([event.id, event.pubkey, event.sig].every((hex) => /[a-f]/.test(hex))) return { event, key }
  }
}

function flipLastDigit(hex: string): string {
  return hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0')
}

function shorter(hex: string): string {
  return hex.slice(1)
}

function longer(hex: string): string {
  return `${hex}0`
}

function withLetterG(hex: string): string {
  return `g${hex.slice(1)}`
}

function withSpaces(event: WireEvent): string {
  return JSON.stringify(event, null, 2)
}

function withEscapes(event: WireEvent): string {
  return JSON.stringify(event).replaceAll('/', '\\/').replaceAll('\u00e9', '\\u00e9')
}

function withReversedMembers(event: WireEvent): string {
  return JSON.stringify(Object.fromEntries(Object.entries(event).toReversed()))
}
