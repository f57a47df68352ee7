import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../kernel/index.ts'
import { createLogger } from '../../platform/index.ts'
import type { PeerLinkSettings } from '../peer.ts'
import { fulfillOf, prepareOf, type WatchedEvents, watchedEvents } from '../testing/index.ts'
import { peerTermsSchema } from './index.ts'
import { createPeerLinks, type PeerLinks } from './peer-links.ts'
import { storedTerms, termsFrom } from './peer-terms.ts'
import { addPeer, peerTerms, TestNetwork, tokenHashOf } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 20_000, interval: 20 }
const KEY = 'ab'.repeat(32)
const SECRET = 'a-secret-of-more-than-thirty-two-bytes'
const silent = createLogger({ level: 'silent', format: 'json' })

describe('JWTs', () => {
  let network: TestNetwork
  beforeEach(() => {
    network = new TestNetwork()
  })
  afterEach(() => network.stop())

  test('peers that show each other JWTs exchange packets, and never the secret that signs them', async () => {
    const [a, b] = [await network.start('test.a'), await network.start('test.b')]
    // Nobody shows the tokens of these digests: what is let in was signed.
    const linkTo = (url: string, jwtSubject: string, other: string) =>
      ({
        kind: 'http',
        url: `${url}/ilp`,
        token: SECRET,
        tokenHash: tokenHashOf(`nobody's ${other}`),
        jwtSubject,
      }) as const
    await addPeer(a.opened, peerTerms('bob', 'drop', linkTo(b.url, 'alice', 'a')))
    await addPeer(b.opened, peerTerms('alice', 'drop', linkTo(a.url, 'bob', 'b')))
    await vi.waitFor(async () => {
      expect((await a.opened.node.routes.list()).map(({ prefix }) => prefix)).toContain('test.b')
      expect((await b.opened.node.routes.list()).map(({ prefix }) => prefix)).toContain('test.a')
    }, PATIENCE)
    const by = { actor: 'cli', role: 'cli' }
    const payments = [
      a.opened.node.payments.pay({ key: 'p', to: `${b.url}/pay/${KEY}`, asset: 'drop', send: 500n }, by),
      b.opened.node.payments.pay({ key: 'p', to: `${a.url}/pay/${KEY}`, asset: 'drop', send: 300n }, by),
    ]
    expect(await Promise.all(payments)).toMatchObject([
      { value: { state: 'done', delivered: 500n } },
      { value: { state: 'done', delivered: 300n } },
    ])
    const plain = await b.opened.receiveHttp({
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}` },
      body: Buffer.alloc(0),
    })
    expect(plain.status).toBe(401)
  })

  test('what a peer calls us is kept, and a secret that is too short to sign with is refused', () => {
    const link = {
      kind: 'http',
      url: 'https://bob.example/ilp',
      token: SECRET,
      tokenHash: '0'.repeat(64),
      jwtSubject: 'alice',
    } as const
    const terms = peerTerms('bob', 'drop', link)
    const { json, token, tokenHash } = storedTerms(terms)
    expect(json).not.toContain(SECRET)
    expect(termsFrom(JSON.parse(json), { token, tokenHash }).link).toEqual(link)
    // The key that sealed it is gone.
    expect(termsFrom(JSON.parse(json), { token: 'lost', tokenHash }).link).toMatchObject({ token: 'lost' })
    const given = { id: 'bob', relation: 'peer', asset: 'drop', link }
    expect(peerTermsSchema.safeParse(given).success).toBe(true)
    const short = { ...given, link: { ...link, token: 'short' } }
    expect(peerTermsSchema.safeParse(short).error?.issues).toMatchObject([{ path: ['link', 'token'] }])
  })
})

test('wrong tokens are counted over both doors together', async () => {
  const links = linksOf(watchedEvents(), () => 'mallory')
  const post = async (token: string) =>
    (
      await links.receiveHttp({
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: Buffer.alloc(0),
        from: 'mallory',
      })
    ).status
  for (let tries = 0; tries < 20; tries++) expect(await post(`guess-${tries}`)).toBe(401)
  expect(await post('guess')).toBe(429)
  await links.stop()
})

/** Whether certificates can be made here. */
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe.skipIf(!hasOpenssl)('over TLS', () => {
  let certificate = ''
  let server: Server
  let port = 0
  let events: WatchedEvents
  let serving: PeerLinks
  let connecting: PeerLinks
  const ownCertificates = getCACertificates('default')

  beforeEach(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stoa-tls-'))
    const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const subject = ['-subj', '/CN=stoa test', '-addext', 'subjectAltName=IP:127.0.0.1']
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
    const files = ['-keyout', keyFile, '-out', certificateFile]
    execFileSync('openssl', ['req', '-x509', ...made, ...subject, ...files], { stdio: 'ignore' })
    certificate = readFileSync(certificateFile, 'utf8')
    server = createServer({ key: readFileSync(keyFile), cert: certificate }, (request, response) => {
      void answer(request).then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
    })
    rmSync(folder, { recursive: true })
    server.on('upgrade', (request, socket, head) => serving.handleUpgrade(request, socket, head))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // A TCP server's address is an AddressInfo.
    port = (server.address() as AddressInfo).port
    events = watchedEvents()
    serving = linksOf(events)
    connecting = linksOf(watchedEvents())
  })

  afterEach(async () => {
    setDefaultCACertificates(ownCertificates)
    await Promise.all([connecting.stop(), serving.stop()])
    server.closeAllConnections()
    server.close()
  })

  async function answer(request: IncomingMessage) {
    const { method = 'GET', headers } = request
    return serving.receiveHttp({ method, headers, body: await buffer(request) })
  }

  const WAYS: readonly (readonly [
    kind: string,
    theirs: () => PeerLinkSettings,
    ours: () => PeerLinkSettings,
  ])[] = [
    [
      'BTP',
      () => ({ kind: 'btp-server', tokenHash: tokenHashOf(SECRET) }),
      () => ({ kind: 'btp-client', url: `wss://127.0.0.1:${port}/btp`, token: SECRET }),
    ],
    [
      'HTTP',
      () => ({
        kind: 'http',
        url: 'https://127.0.0.1:9/ilp',
        token: 'unused',
        tokenHash: tokenHashOf(SECRET),
      }),
      () => ({
        kind: 'http',
        url: `https://127.0.0.1:${port}/ilp`,
        token: SECRET,
        tokenHash: '0'.repeat(64),
      }),
    ],
  ]

  test.each(WAYS)('packets go by %s to a peer whose certificate is vouched for', async (_, theirs, ours) => {
    // What NODE_EXTRA_CA_CERTS does at the start of a process.
    setDefaultCACertificates([...ownCertificates, certificate])
    serving.open(peerTerms('them', 'drop', theirs()))
    const link = connecting.open(peerTerms('us', 'drop', ours()))
    await vi.waitUntil(() => link.isConnected, PATIENCE)
    const prepare = prepareOf('sealed', systemClock.nowMs() + 30_000)
    expect(await link.send(prepare)).toEqual(fulfillOf(prepare))
    expect(events.heard).toContain('prepare sealed')
  })

  test.each(WAYS)(
    'nothing goes by %s to a peer whose certificate nobody vouches for',
    async (_, theirs, ours) => {
      serving.open(peerTerms('them', 'drop', theirs()))
      const link = connecting.open(peerTerms('us', 'drop', ours()))
      const failures: unknown[] = []
      server.on('tlsClientError', (error) => failures.push(error))
      await vi.waitUntil(() => failures.length >= 2, PATIENCE)
      expect(link.isConnected).toBe(false)
      expect(await link.send(prepareOf('x', systemClock.nowMs() + 30_000))).toEqual({ type: 'unsent' })
      expect(events.heard).toEqual([])
    },
  )
})

function linksOf(events: WatchedEvents, addressOf?: () => string): PeerLinks {
  return createPeerLinks({
    clock: systemClock,
    logger: silent,
    eventsOf: () => events,
    btpLimits: { minReconnectMs: 10, maxReconnectMs: 50 },
    ...(addressOf !== undefined && { addressOf }),
  })
}
