import type { Client } from '../kit/client.ts'
import { checkSameEvent, type Draft, idsOf, type WireEvent } from '../kit/event.ts'
import { httpRequest } from '../kit/http.ts'
import { freshKey } from '../kit/keys.ts'
import { asObject, parseObject } from '../kit/nip11.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip } from '../kit/verdict.ts'

const FOLLOWS = 10_000
const WALLET_PAYLOAD = 64 * 1024
/** A message of so many bytes holds 10,000 `p` tags, or a wallet's payload. */
const FOLLOW_LIST_BYTES = FOLLOWS * 73 + 1000

const PGN = '[Event "?"]\n[White "A"]\n[Black "B"]\n[Result "1-0"]\n\n1. e4 f6 2. d4 g5 3. Qh5# 1-0\n'

export const rows: readonly Row[] = [
  {
    id: 'Z-01',
    level: 'S',
    claim: 'A follow list (NIP-02) of 10,000 keys is stored whole where the limits allow it, and replaced',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const [tags, bytes] = [t.info.limit('max_event_tags'), t.info.limit('max_message_length')]
      const isAllowed = (tags ?? FOLLOWS) >= FOLLOWS && (bytes ?? FOLLOW_LIST_BYTES) >= FOLLOW_LIST_BYTES
      const count = isAllowed ? FOLLOWS : 100
      const follows = Array.from({ length: count }, () => ['p', randomHex()])
      const list = t.event(key, { kind: 3, tags: follows, content: '', created_at: t.now() - 10 })
      await client.accept(list)
      checkSameEvent((await client.query({ kinds: [3], authors: [key.pubkey] }))[0], list)
      const found = await client.query({ kinds: [3], '#p': [follows.at(-1)?.[1]] })
      checkSame(idsOf(found), [list.id], 'who follows the last of them')
      await checkReplaced(t, client, 3)
      t.note(`${count} keys`)
    },
  },
  {
    id: 'Z-02',
    level: 'O',
    claim: 'NIP-05: /.well-known/nostr.json is JSON for everybody, without redirects, with keys in hex',
    run: async (t) => {
      const paths = [`?name=${randomHex(4)}`, '?name=_', ''].map((query) => `/.well-known/nostr.json${query}`)
      for (const path of paths) {
        const { status, headers, body } = await httpRequest(t.url, { path })
        if (status === 404) skip('the relay serves no /.well-known/nostr.json')
        check(status < 300 || status >= 400, `${path} is redirected`)
        if (status >= 400) continue
        checkSame(headers['access-control-allow-origin'], '*', 'Access-Control-Allow-Origin')
        checkNames(body)
      }
      const unknown = await httpRequest(t.url, { path: paths[0] ?? '' })
      checkSame(asObject(parseObject(unknown.body)?.names), {}, 'names for a name that nobody has')
    },
  },
  {
    id: 'Z-03',
    level: 'S',
    claim: 'Comments (NIP-22, kind 1111) are regular, and found by their upper-case tags',
    run: async (t) => {
      const [client, key, root] = [await t.connect(), t.key(), randomHex()]
      const tags = [
        ['A', `30023:${root}:x`],
        ['E', root],
        ['I', `isbn:${root}`],
        ['K', root.slice(0, 8)],
        ['P', root],
      ]
      const comments = [1, 2].map(() => t.event(key, { kind: 1111, tags }))
      await client.accept(...comments)
      for (const [name = '', value] of tags) {
        const found = await client.query({ kinds: [1111], [`#${name}`]: [value] })
        checkSame(found.length, 2, `comments found by #${name}`)
        const lower = await client.query({ kinds: [1111], [`#${name.toLowerCase()}`]: [value] })
        checkSame(lower, [], `comments found by #${name.toLowerCase()}`)
      }
    },
  },
  {
    id: 'Z-04',
    level: 'D',
    claim: 'Chat (NIP-28): kinds 40 to 44 are regular, and hiding or muting removes nothing',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const message = t.event(key, { kind: 42 })
      await client.accept(message)
      const moderation = [
        t.event(key, { kind: 43, tags: [['e', message.id]] }),
        t.event(key, { kind: 44, tags: [['p', key.pubkey]] }),
      ]
      await client.accept(...moderation, ...[40, 41, 41].map((kind) => t.event(key, { kind })))
      checkSame((await client.query({ authors: [key.pubkey] })).length, 6, 'events stored')
      checkSame(idsOf(await client.query({ ids: [message.id] })), [message.id], 'the hidden message')
    },
  },
  {
    id: 'Z-05',
    level: 'D',
    claim: 'Remote signing (NIP-46, kind 24133) passes both ways and is not stored',
    run: async (t) => {
      const [app, signer, appKey, signerKey] = [await t.connect(), await t.connect(), t.key(), t.key()]
      const inbox = (key: { readonly pubkey: string }) => ({ kinds: [24133], '#p': [key.pubkey] })
      const requests = await signer.subscribe('requests', inbox(signerKey))
      const answers = await app.subscribe('answers', inbox(appKey))
      const request = t.event(appKey, { kind: 24133, tags: [['p', signerKey.pubkey]] })
      await app.accept(request)
      await requests.expectEvent(request)
      const answer = t.event(signerKey, {
        kind: 24133,
        tags: [
          ['p', appKey.pubkey],
          ['e', request.id],
        ],
      })
      await signer.accept(answer)
      await answers.expectEvent(answer)
      checkSame(await app.query(inbox(appKey), inbox(signerKey)), [], 'messages stored')
    },
  },
  {
    id: 'Z-06',
    level: 'D',
    claim:
      'Wallets (NIP-47): 13194 is replaced, 23194 to 23197 pass with 64 KB, also on a relay of listed keys',
    timeoutMs: 40_000,
    run: async (t) => {
      const client = await t.connect()
      await checkReplaced(t, client, 13194)
      await checkWalletTraffic(t)
      const listed = freshKey()
      const closed = await t.startIfPossible({ authRequired: true, allowedPubkeys: [listed.pubkey] })
      if (closed === undefined) return t.note('a relay of listed keys was not tried')
      const inside = await t.on(closed)
      const stranger = await inside.connect({ auth: false })
      await stranger.refuse(inside.event(inside.key()), [], 'a note of a key that is not listed')
      await checkWalletTraffic(inside)
    },
  },
  {
    id: 'Z-07',
    level: 'S',
    claim: 'Reports (NIP-56) are stored, and those of strangers remove nothing',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const target = t.event(key)
      await client.accept(target)
      const tags = [
        ['e', target.id, 'spam'],
        ['p', key.pubkey, 'spam'],
      ]
      const reports = Array.from({ length: 8 }, () => t.event(t.key(), { kind: 1984, tags }))
      await client.accept(...reports)
      checkSame((await client.query({ kinds: [1984], '#e': [target.id] })).length, 8, 'reports stored')
      checkSame(idsOf(await client.query({ ids: [target.id] })), [target.id], 'what was reported')
      await client.accept(t.event(key))
    },
  },
  {
    id: 'Z-08',
    level: 'D',
    claim: 'Zap receipts (NIP-57, kind 9735) are stored as regular events',
    run: (t) => checkKept(t, [9735, 9735, 9734]),
  },
  {
    id: 'Z-10',
    level: 'O',
    claim:
      'A chess game (NIP-64, kind 64) is stored; one that is no PGN is stored or refused with "invalid:"',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const game = t.event(key, { kind: 64, content: PGN })
      await client.accept(game)
      checkSameEvent((await client.query({ ids: [game.id] }))[0], game)
      const { isAccepted, text } = await client.publish(t.event(key, { kind: 64, content: '1. Ke9??' }))
      if (!isAccepted) checkPrefix(text, ['invalid'], 'a game that cannot be')
      t.note(isAccepted ? 'games are not checked' : 'games are checked')
    },
  },
  {
    id: 'Z-11',
    level: 'S',
    claim: 'Relay lists (NIP-65) are accepted from the public, replaced, and found by #r',
    run: async (t) => {
      const [client, key, url] = [await t.connect(), t.key(), `wss://${randomHex(8)}.example`]
      const list = t.event(key, { kind: 10002, content: '', tags: [['r', url, 'read']] })
      await client.accept(list)
      checkSame(idsOf(await client.query({ kinds: [10002], '#r': [url] })), [list.id], 'lists found by #r')
      await checkReplaced(t, client, 10002)
    },
  },
  {
    id: 'Z-12',
    level: 'O',
    claim: 'What relay monitors publish (NIP-66) is stored: 30166 for each relay, 10166 replaced',
    run: async (t) => {
      const client = await t.connect()
      await checkReplaced(t, client, 10166)
      await checkAddresses(t, client, 30166)
    },
  },
  {
    id: 'Z-13',
    level: 'D',
    claim: 'File metadata (NIP-94, kind 1063) is stored as regular events',
    run: (t) => checkKept(t, [1063, 1063]),
  },
  {
    id: 'Z-14',
    level: 'O',
    claim: 'Lists of Blossom servers (NIP-B7, kind 10063) are replaced',
    run: async (t) => checkReplaced(t, await t.connect(), 10063, [['server', 'https://blossom.example']]),
  },
  {
    id: 'Z-16',
    level: 'S',
    claim: 'Lists (NIP-51) are replaced, sets are addressed by d',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of [10000, 10001, 10003, 10015]) await checkReplaced(t, client, kind)
      for (const kind of [30000, 30003, 30015, 30030]) await checkAddresses(t, client, kind)
    },
  },
  {
    id: 'Z-17',
    level: 'D',
    claim: 'Kinds that mean nothing to a relay are stored: timestamps, reactions, highlights, calendars',
    run: async (t) => {
      await checkKept(t, [1040, 7, 7, 1018, 1068, 9802])
      const client = await t.connect()
      for (const kind of [30023, 31922, 31923]) await checkAddresses(t, client, kind)
    },
  },
  {
    id: 'Z-18',
    level: 'D',
    claim: 'Data of applications (NIP-78, kind 30078) is addressed by d, whatever it holds',
    run: async (t) => checkAddresses(t, await t.connect(), 30078),
  },
  {
    id: 'Z-19',
    level: 'D',
    claim: 'Jobs of data vending machines (NIP-90, kinds 5000 to 7000) are stored',
    run: (t) => checkKept(t, [5000, 5050, 6050, 7000]),
  },
]

/** One event of each of these kinds, by one key in one second: all of them must be stored, unchanged. */
async function checkKept(t: Trial, kinds: readonly number[]): Promise<void> {
  const [client, key] = [await t.connect(), t.key()]
  const events = kinds.map((kind) => t.event(key, { kind, tags: [['e', randomHex()]] }))
  await client.accept(...events)
  const stored = await client.query({ authors: [key.pubkey] })
  for (const event of events)
    checkSameEvent(
      stored.find(({ id }) => id === event.id),
      event,
    )
}

/** Of two versions only the newer one is left. */
async function checkReplaced(
  t: Trial,
  client: Client,
  kind: number,
  tags: readonly (readonly string[])[] = [],
): Promise<void> {
  const key = t.key()
  const [older, newer] = [9, 5].map((age) => t.event(key, { kind, tags, created_at: t.now() - age }))
  check(older !== undefined && newer !== undefined, 'two versions')
  await client.accept(older, newer)
  const stored = await client.query({ authors: [key.pubkey] })
  checkSame(idsOf(stored), [newer.id], `versions of kind ${kind}`)
}

/** Each `d` has a version of its own, and newer ones replace older ones. */
async function checkAddresses(t: Trial, client: Client, kind: number): Promise<void> {
  const key = t.key()
  const version = (d: string, age: number): WireEvent => {
    const draft: Partial<Draft> = { kind, tags: [['d', d]], created_at: t.now() - age }
    return t.event(key, draft)
  }
  const [old, current, other] = [version('one', 9), version('one', 5), version('two', 5)]
  await client.accept(old, current, other)
  const stored = idsOf(await client.query({ kinds: [kind], authors: [key.pubkey] }))
  checkSame(stored.toSorted(), idsOf([current, other]).toSorted(), `versions of kind ${kind}`)
  const found = idsOf(await client.query({ kinds: [kind], authors: [key.pubkey], '#d': ['one'] }))
  checkSame(found, [current.id], `kind ${kind} by #d`)
}

/** Requests, answers and notifications between an app and a wallet that nobody knows. */
async function checkWalletTraffic(t: Trial): Promise<void> {
  const options = { auth: false } as const
  const [app, wallet, key] = [await t.connect(options), await t.connect(options), t.key()]
  const bytes = t.info.limit('max_message_length') ?? Infinity
  const length = Math.min(WALLET_PAYLOAD, t.info.limit('max_content_length') ?? Infinity, bytes - 1000)
  for (const kind of [23194, 23195, 23196, 23197]) {
    const inbox = await wallet.subscribe(`inbox-${kind}`, { kinds: [kind], '#p': [key.pubkey] })
    const message = t.event(t.key(), { kind, tags: [['p', key.pubkey]], content: 'x'.repeat(length) })
    await app.accept(message)
    checkSameEvent(await inbox.expectEvent(message), message)
    inbox.close()
  }
}

function checkNames(body: string): void {
  const document = parseObject(body)
  check(document !== undefined, `the body is no JSON object: ${body.slice(0, 100)}`)
  const names = asObject(document.names)
  check(names !== undefined, `names is ${JSON.stringify(document.names)}`)
  for (const [name, key] of Object.entries(names)) {
    check(/^[a-z0-9._-]+$/.test(name), `the name ${JSON.stringify(name)}`)
    check(/^[0-9a-f]{64}$/.test(String(key)), `the key of ${name} is ${JSON.stringify(key)}`)
  }
  if (document.relays !== undefined) check(asObject(document.relays) !== undefined, 'relays is no object')
}
