import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseClientMessage } from './client-message.ts'
import { ALICE, testEvent } from './testing.ts'

const event = testEvent({ content: 'hello' })

const refusalOf = (text: string) => {
  const outcome = parseClientMessage(text)
  return outcome.ok ? undefined : outcome.refusal
}

test.each(['EVENT', 'AUTH'] as const)('%s carries an event', (verb) => {
  expect(parseClientMessage(JSON.stringify([verb, event]))).toEqual({ ok: true, value: { verb, event } })
})

test.each(['REQ', 'COUNT'] as const)('%s carries an id and filters', (verb) => {
  expect(parseClientMessage(JSON.stringify([verb, 's', { kinds: [1] }, {}]))).toEqual({
    ok: true,
    value: { verb, id: 's', filters: [{ kinds: [1] }, {}] },
  })
})

test.each(['s', '', 'x'.repeat(1000)])('CLOSE of %j is passed on', (id) => {
  expect(parseClientMessage(JSON.stringify(['CLOSE', id]))).toEqual({
    ok: true,
    value: { verb: 'CLOSE', id },
  })
})

test('NEG-OPEN carries an id, one filter and bytes', () => {
  expect(parseClientMessage('["NEG-OPEN","n",{"kinds":[1]},"6100000200"]')).toEqual({
    ok: true,
    value: { verb: 'NEG-OPEN', id: 'n', filter: { kinds: [1] }, message: Buffer.from('6100000200', 'hex') },
  })
})

test('NEG-MSG carries an id and bytes, in hex of either case', () => {
  expect(parseClientMessage('["NEG-MSG","n","61aBCd"]')).toEqual({
    ok: true,
    value: { verb: 'NEG-MSG', id: 'n', message: Buffer.from('61abcd', 'hex') },
  })
})

test('NEG-CLOSE carries an id', () => {
  expect(parseClientMessage('["NEG-CLOSE","n"]')).toEqual({ ok: true, value: { verb: 'NEG-CLOSE', id: 'n' } })
})

test.each(['""', '"6"', '"616"', '"zz"', '"61 2"', '"\u0161\u0161"', '5', 'null', '{}'])(
  'bytes %s are refused by NEG-ERR',
  (hex) => {
    const refusal = {
      reply: 'neg-err',
      subscriptionId: 'n',
      text: 'invalid: the message must be hex of at least one byte',
    }
    expect(refusalOf(`["NEG-OPEN","n",{},${hex}]`)).toEqual(refusal)
    expect(refusalOf(`["NEG-MSG","n",${hex}]`)).toEqual(refusal)
  },
)

test('what is missing from NEG-OPEN and NEG-MSG is refused by NEG-ERR', () => {
  for (const text of ['["NEG-OPEN","n"]', '["NEG-OPEN","n",{}]', '["NEG-MSG","n"]']) {
    expect(refusalOf(text)).toMatchObject({
      reply: 'neg-err',
      subscriptionId: 'n',
      text: expect.stringMatching(/^invalid: /),
    })
  }
})

test('a NEG-OPEN whose filter is not served is refused by NEG-ERR with the reason', () => {
  expect(refusalOf('["NEG-OPEN","n",{"since":"1"},"61"]')).toMatchObject({
    reply: 'neg-err',
    text: expect.stringMatching(/^invalid: since /),
  })
  expect(refusalOf('["NEG-OPEN","n",{"#alt":["x"]},"61"]')).toMatchObject({
    reply: 'neg-err',
    text: expect.stringMatching(/^unsupported: /),
  })
})

test.each(['', 'x'.repeat(65)])('a NEG-OPEN with the unusable id %j is refused by NEG-ERR', (id) => {
  expect(refusalOf(JSON.stringify(['NEG-OPEN', id, {}, '61']))).toEqual({
    reply: 'neg-err',
    subscriptionId: id,
    text: 'invalid: a subscription id has 1 to 64 characters',
  })
})

test('elements beyond those of the verb are passed over', () => {
  expect(parseClientMessage(JSON.stringify(['EVENT', event, 'more']))).toMatchObject({ ok: true })
  expect(parseClientMessage(JSON.stringify(['CLOSE', 's', 1]))).toMatchObject({ ok: true })
})

test.each([
  '',
  'hello',
  '{}',
  'null',
  '"EVENT"',
  '[]',
  '["HELLO"]',
  '["req","s",{}]',
  '[["EVENT"]]',
  '[null]',
  '["EVENT"]',
  '["EVENT","text"]',
  '["EVENT",[]]',
  '["EVENT",null]',
  '["EVENT",{}]',
  '["EVENT",{"id":5}]',
  '["AUTH"]',
  '["AUTH","text"]',
  '["AUTH",{}]',
  '["REQ"]',
  '["REQ",5,{}]',
  '["REQ",null,{}]',
  '["REQ",{},{}]',
  '["COUNT"]',
  '["CLOSE"]',
  '["CLOSE",5]',
  '["NEG-OPEN"]',
  '["NEG-OPEN",5,{},"61"]',
  '["NEG-MSG"]',
  '["NEG-MSG",null,"61"]',
  '["NEG-CLOSE"]',
  '["NEG-CLOSE",5]',
  '["EVENT",{}',
])('%s has no id to answer with, so it is a NOTICE', (text) => {
  expect(refusalOf(text)).toMatchObject({ reply: 'notice' })
})

test.each(['EVENT', 'AUTH'])('a malformed event in %s is answered by OK with the id it claims', (verb) => {
  expect(refusalOf(JSON.stringify([verb, { ...event, kind: -1 }]))).toEqual({
    reply: 'ok',
    eventId: event.id,
    text: 'invalid: kind must be an integer from 0 to 65535',
  })
  expect(refusalOf(JSON.stringify([verb, { id: 'short' }]))).toEqual({
    reply: 'ok',
    eventId: 'short',
    text: 'invalid: id must be 64 lowercase hex characters',
  })
})

test.each(['a', 'x'.repeat(64), ' ', '"quoted"', '🤙', '🤙'.repeat(64), '\u0000', '__proto__'])(
  'subscription id %j is taken as it is',
  (id) => {
    expect(parseClientMessage(JSON.stringify(['REQ', id, {}]))).toMatchObject({ value: { id } })
  },
)

test.each(['', 'x'.repeat(65), '🤙'.repeat(65), 'x'.repeat(100_000), '\ud800'])(
  'a REQ with an unusable subscription id is answered by CLOSED with that id',
  (id) => {
    expect(refusalOf(JSON.stringify(['REQ', id, {}]))).toEqual({
      reply: 'closed',
      subscriptionId: id,
      text: 'invalid: a subscription id has 1 to 64 characters',
    })
  },
)

test.each(['REQ', 'COUNT'])('%s without a filter is refused by CLOSED', (verb) => {
  expect(refusalOf(JSON.stringify([verb, 's']))).toEqual({
    reply: 'closed',
    subscriptionId: 's',
    text: `invalid: ${verb} needs at least one filter`,
  })
})

test('the refusal of a filter reaches the client with its prefix', () => {
  expect(refusalOf('["REQ","s",{},{"since":"1"}]')).toMatchObject({
    reply: 'closed',
    text: expect.stringMatching(/^invalid: since /),
  })
  expect(refusalOf('["COUNT","s",{"#alt":["x"]}]')).toMatchObject({
    reply: 'closed',
    text: expect.stringMatching(/^unsupported: filter attribute "#alt"/),
  })
})

test('a REQ may hold exactly as many filters, and a list as many values, as the limits say', () => {
  const limits = { maxFilters: 2, maxValues: 1 }
  expect(parseClientMessage('["REQ","s",{},{"kinds":[1]}]', limits)).toMatchObject({ ok: true })
  expect(parseClientMessage('["REQ","s",{},{},{}]', limits)).toMatchObject({
    refusal: { reply: 'closed', text: 'invalid: REQ has 3 filters, at most 2 are served' },
  })
  expect(parseClientMessage('["REQ","s",{"kinds":[1,2]}]', limits)).toMatchObject({
    refusal: { reply: 'closed', text: 'invalid: kinds holds 2 values, at most 1 are served' },
  })
})

test('a hundred thousand levels of nesting are refused like anything else', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  expect(refusalOf(deep)).toMatchObject({ reply: 'notice' })
  expect(refusalOf(`["EVENT",{"id":"${ALICE}","tags":${deep}}]`)).toMatchObject({ reply: 'ok' })
  expect(refusalOf(`["REQ","s",{"ids":${deep}}]`)).toMatchObject({ reply: 'closed' })
  expect(refusalOf(`["REQ",${deep}]`)).toMatchObject({ reply: 'notice' })
  expect(refusalOf('['.repeat(100_000))).toMatchObject({ reply: 'notice' })
})

test('a million numbers in a list are refused', () => {
  expect(refusalOf(`["REQ","s",{"ids":[${'1,'.repeat(999_999)}1]}]`)).toMatchObject({ reply: 'closed' })
})

test('no JSON makes it throw, and an answer always carries the string it was given', () => {
  const verb = fc.constantFrom('EVENT', 'REQ', 'COUNT', 'CLOSE', 'AUTH', 'NEG-OPEN', 'NEG-MSG', 'HELLO')
  const member = fc.oneof(fc.jsonValue(), fc.record({ id: fc.jsonValue(), kinds: fc.jsonValue() }))
  const message = fc.tuple(verb, fc.oneof(fc.string(), member), member)
  fc.assert(
    fc.property(fc.oneof(message, fc.jsonValue()), (value) => {
      const refusal = refusalOf(JSON.stringify(value))
      if (refusal?.reply === 'closed' || refusal?.reply === 'neg-err')
        expect(value).toMatchObject({ 1: refusal.subscriptionId })
      if (refusal?.reply === 'ok') expect(value).toMatchObject({ 1: { id: refusal.eventId } })
    }),
    { numRuns: 1000 },
  )
})

test('no text makes it throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseClientMessage(text)))
})
