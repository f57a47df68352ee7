import type { Client } from '../kit/client.ts'
import { checkPrefix, prefixOf } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex, signEvent } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip, sleep } from '../kit/verdict.ts'

const ESCAPE = '\u001b[31m'
/** What tells a reader about the inside of a relay: stack frames, paths, queries. */
const INSIDES = [
  /\bat .+:\d+:\d+/,
  /node_modules/,
  /\bselect\b.+\bfrom\b/i,
  /\binsert into\b/i,
  /\/(usr|home|src)\//,
  /panicked at/,
]

export const rows: readonly Row[] = [
  {
    id: 'O-01',
    level: 'M',
    claim: 'A valid new event gets exactly one OK of four elements, true',
    run: async (t) => {
      const client = await t.connect()
      const event = t.event(t.key())
      await client.accept(event)
      await client.silence('there is one OK', (m) => m[0] === 'OK' && m[1] === event.id)
      checkSame((await client.query({ ids: [event.id] })).length, 1, 'events stored')
    },
  },
  {
    id: 'O-02',
    level: 'M',
    claim: 'The same event again is answered true with "duplicate:"',
    run: async (t) => {
      const [client, other] = [await t.connect(), await t.connect()]
      const event = t.event(t.key())
      await client.accept(event)
      for (const sender of [client, other]) {
        const { isAccepted, text } = await sender.publish(event)
        check(isAccepted, `a duplicate was answered false, "${text}"`)
        checkPrefix(text, ['duplicate'], 'a duplicate')
      }
    },
  },
  {
    id: 'O-03',
    level: 'M',
    claim: 'Every refused event gets OK false with a standard prefix and a text',
    run: async (t) => {
      const client = await t.connect()
      for (const { event, why } of refusedEvents(t)) await client.refuse(event, [], why)
    },
  },
  {
    id: 'O-04',
    level: 'M',
    claim: 'Every refused REQ and COUNT gets CLOSED with a standard prefix and a text',
    run: async (t) => {
      const client = await t.connect()
      const filters = [{ kinds: 'x' }, { ids: ['abc'] }, { limit: -5 }, { since: 'now' }]
      for (const filter of filters) await client.refuseRequest([filter], [], JSON.stringify(filter))
      if (!t.info.nips.has(45)) return
      for (const filter of filters) {
        const result = await client.countResult(filter)
        if (typeof result !== 'string')
          fail(`COUNT of ${JSON.stringify(filter)} was answered ${result.count}`)
        checkPrefix(result, [], `COUNT of ${JSON.stringify(filter)}`)
      }
    },
  },
  {
    id: 'O-05',
    level: 'D',
    claim: 'Of many events sent without waiting, each gets one OK',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const events = Array.from({ length: 60 }, () => t.event(key))
      for (const event of events) client.send(['EVENT', event])
      for (const event of events) await client.okFor(event.id)
      await client.silence('one OK for each', (m) => m[0] === 'OK')
      const stored = await client.query({ authors: [key.pubkey], limit: 60 })
      checkSame(stored.length, 60, 'events stored')
    },
  },
  {
    id: 'O-06',
    level: 'D',
    claim:
      'An unknown verb, JSON that is no list, no JSON and an empty list get a NOTICE, and the connection lives',
    run: async (t) => {
      const client = await t.connect()
      for (const text of [
        '["HELLO"]',
        '{"a":1}',
        '"x"',
        '7',
        'null',
        'not json',
        '["REQ',
        '[]',
        '[1]',
        '[null]',
      ]) {
        client.sendText(text)
        await client.expect(`a NOTICE after ${text}`, (m) => m[0] === 'NOTICE' && typeof m[1] === 'string')
      }
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'O-07',
    level: 'S',
    claim: 'Above the write limit events get "rate-limited:"; when the window is over they are accepted',
    needs: {
      relay: 'that limits writes to a few a second (a RelayControl)',
      isShown: () => false,
      settings: { eventRate: { events: 5, windowMs: 2000 } },
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const answers = []
      for (let i = 0; i < 12; i += 1) answers.push(await client.publish(t.event(key)))
      check(answers[0]?.isAccepted === true, 'the first event should be accepted')
      const refused = answers.filter((answer) => !answer.isAccepted)
      check(refused.length > 0, 'none of 12 events was refused')
      for (const { text } of refused) checkPrefix(text, ['rate-limited'], 'an event above the limit')
      await sleep(2500)
      await client.accept(t.event(key))
    },
  },
  {
    id: 'O-08',
    level: 'D',
    claim: 'With the storage down events get "error:", never true; afterwards they are accepted again',
    needs: {
      relay: 'whose storage the suite can break (a RelayControl)',
      isShown: () => false,
      settings: {},
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      await client.accept(t.event(key))
      if (t.relay?.breakStorage === undefined) skip('the control cannot break the storage')
      await t.relay.breakStorage()
      const lost = t.event(key)
      await client.refuse(lost, ['error'], 'the storage is down')
      if (t.relay.restoreStorage === undefined) return
      await t.relay.restoreStorage()
      checkSame(await client.query({ ids: [lost.id] }), [], 'stored although answered false')
      await client.accept(t.event(key))
    },
  },
  {
    id: 'O-09',
    level: 'D',
    claim: 'Texts hold no stack traces, queries, paths or raw control characters from the client',
    run: async (t) => {
      const client = await t.connect()
      const texts = await provokeTexts(t, client)
      check(texts.length >= 5, `only ${texts.length} texts came to look at`)
      for (const text of texts) {
        const leak = INSIDES.find((pattern) => pattern.test(text))
        check(leak === undefined, `${JSON.stringify(text)} shows the inside of the relay (${leak})`)
        check(!text.includes('\u001b'), `${JSON.stringify(text)} repeats a control character of the client`)
      }
    },
  },
]

/** One event for each reason that needs no special configuration. */
function refusedEvents(t: Trial) {
  const key = t.key()
  const draft = { kind: 1, created_at: t.now(), tags: [], content: '' }
  return [
    { event: { ...t.event(key), sig: '0'.repeat(128) }, why: 'bad sig' },
    { event: { ...t.event(key), content: 'changed' }, why: 'bad id' },
    { event: signEvent(key, { ...draft, kind: 70_000 }), why: 'kind 70000' },
    { event: signEvent(key, { ...draft, created_at: -1 }), why: 'created_at -1' },
    { event: signEvent(key, { ...draft, tags: [['-']] }), why: 'a protected event, not authenticated' },
    {
      event: signEvent(key, { ...draft, kind: 22242, tags: [['challenge', 'x']] }),
      why: 'an AUTH event published',
    },
  ]
}

/** Sends what is likely to make a careless relay talk, and returns the texts of all answers. */
async function provokeTexts(t: Trial, client: Client): Promise<string[]> {
  const nasty = `${ESCAPE}'; DROP TABLE events; --`
  client.send([nasty, 'x'])
  client.sendText(`not json ${ESCAPE}`)
  client.send(['EVENT', { id: nasty }])
  client.send(['EVENT', { ...t.event(t.key()), kind: { toString: nasty } }])
  client.send(['REQ', 'nasty', { ids: [nasty], [nasty]: [nasty] }])
  client.send(['REQ', 'deep', { authors: [[[[]]]], since: {} }])
  client.send(['EVENT', { ...t.event(t.key()), sig: randomHex(64) }])
  await client.until(() => textsOf(client).length >= 7, t.options.answerMs)
  await client.fence()
  return textsOf(client)
}

function textsOf(client: Client): string[] {
  const words = ['OK', 'CLOSED', 'NOTICE']
  const answers = client.received.flatMap(({ message }) =>
    words.includes(String(message?.[0])) ? [message] : [],
  )
  return answers.map((message) => String(message?.at(-1))).filter((text) => prefixOf(text) !== 'duplicate')
}
