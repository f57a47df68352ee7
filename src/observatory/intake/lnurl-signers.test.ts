import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { isPublicAddress } from '../../platform/internet/index.ts'
import { DEFAULT_SIGNER_LOOKUP_LIMITS, openSignerLookups, type SignerLookupDeps } from './lnurl-signers.ts'
import { signedEvent, testSigner } from './testing/index.ts'
import { testLnurl } from './testing/invoice.ts'
import { walletUrlOf } from './wallet-address.ts'

const RECIPIENT = testSigner(0).publicKey
const SIGNER = testSigner(7).publicKey
const FORGER = testSigner(8).publicKey
const ENDINGS: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ENDINGS.splice(0).toReversed()) await end()
})

/** A wallet on this machine, and a keeper of signers that finds every profile's wallet there. */
async function wallet(answer: RequestListener, deps: Partial<SignerLookupDeps> = {}) {
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  ENDINGS.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  const clock = createManualClock(0)
  const signers = openSignerLookups({
    clock,
    logger: pino({ level: 'silent' }),
    isAllowedAddress: (ip) => ip === '127.0.0.1',
    walletUrlOf: (content) => (content === '' ? undefined : new URL(`http://localhost:${port}/${content}`)),
    ...deps,
  })
  ENDINGS.push(() => signers.stop())
  return {
    signers,
    clock,
    asked: () => asked,
    settled: () => vi.waitFor(() => expect(signers.stats().waiting).toBe(0)),
  }
}

const naming =
  (nostrPubkey: string): RequestListener =>
  (_request, response) =>
    response.end(JSON.stringify({ allowsNostr: true, nostrPubkey }))

const profile = (content: string, createdAt = 100) => signedEvent({ kind: 0, content, created_at: createdAt })

test('a signer is confirmed once its wallet has named it, and others are refused', async () => {
  const { signers, settled, asked } = await wallet(naming(SIGNER))
  signers.learn(await profile('alice'))
  expect(asked()).toBe(0)
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('unknown')
  expect(signers.statusOf(RECIPIENT, FORGER)).toBe('unknown')
  await settled()
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('confirmed')
  expect(signers.statusOf(RECIPIENT, FORGER)).toBe('refused')
  expect(asked()).toBe(1)
})

test('an answer is asked for again when it is old, and holds until then', async () => {
  let current = SIGNER
  const { signers, settled, clock } = await wallet((request, response) => naming(current)(request, response))
  signers.learn(await profile('alice'))
  signers.statusOf(RECIPIENT, SIGNER)
  await settled()
  current = FORGER
  clock.advanceMs(DEFAULT_SIGNER_LOOKUP_LIMITS.answerMs)
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('confirmed')
  await settled()
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('refused')
})

test('the newest profile says which wallet it is, or that there is none', async () => {
  const { signers, settled } = await wallet((request, response) =>
    naming(request.url === '/new' ? SIGNER : FORGER)(request, response),
  )
  signers.learn(await profile('new', 200))
  signers.learn(await profile('old', 100))
  signers.statusOf(RECIPIENT, SIGNER)
  await settled()
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('confirmed')
  signers.learn(await profile('', 300))
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('unknown')
})

test.each<[string, RequestListener]>([
  ['an error', (_request, response) => response.writeHead(500).end()],
  ['a redirect', (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
  ['no JSON', (_request, response) => response.end('<html>')],
  ['null', (_request, response) => response.end('null')],
  ['a key that is none', naming('npub1')],
  ['that it has no zaps', (_request, response) => response.end(JSON.stringify({ nostrPubkey: SIGNER }))],
  ['an endless text', (_request, response) => response.end('x'.repeat(1_000_000))],
])('a wallet that answers with %s says nothing, and is not asked again at once', async (_what, answer) => {
  const { signers, settled, asked } = await wallet(answer)
  signers.learn(await profile('alice'))
  for (let round = 0; round < 3; round++) {
    expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('unknown')
    await settled()
  }
  expect(asked()).toBe(1)
})

test('a name that leads to an address inside is not connected to', async () => {
  const { signers, settled, asked } = await wallet(naming(SIGNER), { isAllowedAddress: isPublicAddress })
  signers.learn(await profile('alice'))
  signers.statusOf(RECIPIENT, SIGNER)
  await settled()
  expect(asked()).toBe(0)
  expect(signers.stats().failed).toBe(1)
})

test('stopping ends what is under way, and nobody is asked afterwards', async () => {
  const { signers, asked } = await wallet(() => {})
  signers.learn(await profile('alice'))
  signers.statusOf(RECIPIENT, SIGNER)
  await vi.waitFor(() => expect(asked()).toBe(1))
  await signers.stop()
  expect(signers.statusOf(RECIPIENT, SIGNER)).toBe('unknown')
  expect(signers.stats().waiting).toBe(0)
})

test('more recipients than may be remembered push the oldest out', async () => {
  const limits = { ...DEFAULT_SIGNER_LOOKUP_LIMITS, maxRecipients: 2 }
  const { signers } = await wallet(naming(SIGNER), { limits })
  for (const by of [1, 2, 3]) signers.learn(await signedEvent({ by, kind: 0, content: 'x' }))
  expect(signers.stats().recipients).toBe(2)
})

test('a profile names its wallet by lud16, or by lud06', () => {
  const urlOf = (profile: unknown) => walletUrlOf(JSON.stringify(profile))?.href
  expect(urlOf({ lud16: 'Alice@Wallet.example' })).toBe('https://wallet.example/.well-known/lnurlp/alice')
  expect(urlOf({ lud06: testLnurl('https://wallet.example/pay?x=1').toUpperCase() })).toBe(
    'https://wallet.example/pay?x=1',
  )
  expect(urlOf({ lud16: 'nobody', lud06: testLnurl('https://w.example/') })).toBe('https://w.example/')
  for (const bad of [
    'a@localhost',
    'a@127.0.0.1',
    'a@[::1]',
    'a@b.example:22',
    'a b@c.example',
    '@c.example',
    5,
    null,
  ])
    expect(urlOf({ lud16: bad })).toBeUndefined()
  for (const bad of [
    'http://w.example/',
    'https://u:p@w.example/',
    'https://w.example:8/',
    'file:///etc',
    'x',
  ])
    expect(urlOf({ lud06: testLnurl(bad) })).toBeUndefined()
  for (const content of ['', '[]', 'null', '{"lud16"']) expect(walletUrlOf(content)).toBeUndefined()
})

test.each([
  ['8.8.8.8', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['192.168.1.1', false],
  ['2606:4700::1111', true],
  ['::1', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['::ffff:10.0.0.1', false],
  ['64:ff9b::a00:1', false],
  ['2002:a00:1::', false],
  ['localhost', false],
])('%s is an address of the public Internet: %s', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic)
})
