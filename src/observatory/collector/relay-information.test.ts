import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { fetchRelayInformation, MAX_NAMED_RELAYS, parseRelayInformation } from './relay-information.ts'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function ask(answer: RequestListener) {
  const server = createServer(answer)
  stops.push(() => {
    server.close()
    server.closeAllConnections()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP port was asked for')
  return fetchRelayInformation(
    { address: `ws://127.0.0.1:${address.port}/path`, options: {} },
    new AbortController().signal,
  )
}

test('what is shown of a document is cut, typed and without what acts on a terminal', () => {
  const parsed = parseRelayInformation(
    JSON.stringify({
      name: 'A\u001b[31m relay',
      description: 'x'.repeat(100_000),
      software: 5,
      supported_nips: [11, 1, 1, '42', 'x', -1, 1.5, 1e9],
      relay_countries: ['de', 'Germany', 5],
      language_tags: ['en', 'de-AT', '*'],
      icon: 'javascript:alert(1)',
      limitation: {
        auth_required: true,
        payment_required: 'yes',
        min_pow_difficulty: 20,
        restricted_writes: true,
      },
    }),
  )
  expect(parsed).toEqual({
    ok: true,
    value: {
      facts: {
        name: 'A [31m relay',
        description: 'x'.repeat(160),
        nips: [1, 11, 42],
        countries: ['DE'],
        languages: ['en', 'de-AT'],
        needsPayment: false,
        needsAuth: true,
        needsWork: true,
        restrictsWrites: true,
      },
      named: [],
    },
  })
})

test('relays that a document names in fields of its own are read, some of them, and nothing else in those fields', () => {
  const many = Array.from({ length: 100 }, (_, index) => `wss://relay${index}.example.org`)
  const parse = (document: unknown) => {
    const parsed = parseRelayInformation(JSON.stringify(document))
    return parsed.ok ? parsed.value.named : []
  }
  expect(parse({ relays: ['wss://a.example.org', 5, null], mirrors: ['wss://b.example.org'] })).toEqual([
    'wss://a.example.org',
    'wss://b.example.org',
  ])
  expect(parse({ relays: many, mirrors: ['wss://b.example.org'] })).toEqual(many.slice(0, MAX_NAMED_RELAYS))
  expect(parse({ relays: 'wss://a.example.org', mirrors: { 'wss://b.example.org': 1 } })).toEqual([])
  expect(parse({ relays: [`wss://${'x'.repeat(1_000)}`] })).toEqual([])
})

test('a document is asked for as NIP-11 has it', async () => {
  const facts = await ask((request, response) =>
    response.end(JSON.stringify({ name: `${request.url} ${request.headers.accept}` })),
  )
  expect(facts).toMatchObject({
    ok: true,
    value: { facts: { name: '/path application/nostr+json', nips: [] } },
  })
})

test.each<readonly [string, RequestListener, string]>([
  [
    'a redirect',
    (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1' }).end(),
    'HTTP 302',
  ],
  ['a page', (_, response) => response.end('<html>'), 'it is no JSON object'],
  ['an array', (_, response) => response.end('[]'), 'it is no JSON object'],
  ['a megabyte', (_, response) => response.end(`{"name":"${'x'.repeat(1_000_000)}"}`), 'it is too long'],
])('%s is no information', async (_, answer, refusal) => {
  expect(await ask(answer)).toEqual({ ok: false, refusal })
})
