import { authEvent, authenticate, challengeOf, needChallenge, protectedEvent, sendAuth } from '../kit/auth.ts'
import { type Client, isEventFrame } from '../kit/client.ts'
import type { Draft, WireEvent } from '../kit/event.ts'
import { freshKey, type Key } from '../kit/keys.ts'
import { checkNegError, openNeg } from '../kit/negentropy-session.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Need, Row } from '../kit/row.ts'
import { randomHex, signId } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip } from '../kit/verdict.ts'

/** A key that a relay with a list of members admits; the suite chooses it before the relay starts. */
const member = freshKey()

const authRequired: Need = {
  relay: 'that requires AUTH for everything (limitation.auth_required)',
  isShown: (info) => info.isAuthRequired,
  settings: { authRequired: true },
}

export const rows: readonly Row[] = [
  {
    id: 'A-01',
    level: 'M',
    claim: 'The client holds a challenge before it is refused with "auth-required:"',
    run: async (t) => {
      const client = await anonymous(t)
      await needChallenge(t, client)
      const isRefusal = (text: string) => /"auth-required:/.test(text)
      const refusedAt = client.received.findIndex((frame) => isRefusal(frame.text))
      const challengedAt = client.received.findIndex((frame) => frame.message?.[0] === 'AUTH')
      check(refusedAt < 0 || challengedAt < refusedAt, 'the refusal came before the challenge')
    },
  },
  {
    id: 'A-02',
    level: 'D',
    claim: 'Challenges differ from connection to connection and hold at least 128 bits',
    run: async (t) => {
      const challenges = []
      for (let i = 0; i < 5; i += 1) challenges.push(await needChallenge(t, await anonymous(t)))
      checkSame(new Set(challenges).size, challenges.length, 'different challenges')
      for (const challenge of challenges)
        check(bitsOf(challenge) >= 120, `"${challenge}" is too short to be unguessable`)
    },
  },
  {
    id: 'A-03',
    level: 'M',
    claim: 'A valid AUTH is answered OK true',
    run: async (t) => {
      const client = await anonymous(t)
      await authenticate(t, client, t.key())
    },
  },
  {
    id: 'A-04',
    level: 'P',
    claim: 'An AUTH that is wrong in one point is answered false with "invalid:" and authenticates nobody',
    timeoutMs: 40_000,
    run: async (t) => {
      const [client, key] = [await anonymous(t), t.key()]
      const challenge = await needChallenge(t, client)
      for (const [what, event] of Object.entries(brokenAuths(t, key, challenge))) {
        const { isAccepted, text } = await sendAuth(client, event)
        check(!isAccepted, `${what}: AUTH was accepted`)
        checkPrefix(text, ['invalid', 'restricted'], what)
      }
      await client.refuse(protectedEvent(t, key), [], 'a protected event after refused AUTHs')
      await authenticate(t, client, key)
    },
  },
  {
    id: 'A-05',
    level: 'P',
    claim: 'An AUTH nine minutes old or ahead is accepted',
    run: async (t) => {
      const client = await anonymous(t)
      const challenge = await needChallenge(t, client)
      for (const offset of [-540, 540]) {
        await checkAuth(
          client,
          authEvent(t, t.key(), challenge, { created_at: t.now() + offset }),
          `${offset} s`,
        )
      }
    },
  },
  {
    id: 'A-06',
    level: 'D',
    claim: 'The relay tag may differ by a trailing slash, upper-case host or explicit default port',
    run: async (t) => {
      const url = new URL(t.relayUrl)
      const bare = `${url.protocol}//${url.host}`
      const spellings = [bare, `${bare}/`, `${url.protocol}//${url.host.toUpperCase()}`]
      if (url.port === '') spellings.push(`${bare}:${url.protocol === 'wss:' ? 443 : 80}/`)
      for (const relay of spellings) {
        const client = await anonymous(t)
        const challenge = await needChallenge(t, client)
        const tags = [
          ['relay', relay],
          ['challenge', challenge],
        ]
        await checkAuth(client, authEvent(t, t.key(), challenge, { tags }), relay)
      }
    },
  },
  {
    id: 'A-07',
    level: 'M',
    claim: 'Two keys may authenticate on one connection, and both count',
    run: async (t) => {
      const [client, one, two] = [await anonymous(t), t.key(), t.key()]
      await needTouchstone(t)
      await authenticate(t, client, one)
      await authenticate(t, client, two)
      await client.accept(protectedEvent(t, one), protectedEvent(t, two))
    },
  },
  {
    id: 'A-08',
    level: 'M',
    claim: 'A challenge stays valid for the whole connection, unless a new one was sent',
    run: async (t) => {
      const client = await anonymous(t)
      const first = await needChallenge(t, client)
      const guessed = await sendAuth(client, authEvent(t, t.key(), randomHex(16)))
      check(!guessed.isAccepted, 'a challenge that was never sent is accepted')
      await checkAuth(client, authEvent(t, t.key(), first), 'the first key')
      const second = await needChallenge(t, client)
      await checkAuth(client, authEvent(t, t.key(), second), 'the second key')
      if (second === first) return t.note('one challenge for the connection')
      const { isAccepted } = await sendAuth(client, authEvent(t, t.key(), first))
      check(!isAccepted, 'the replaced challenge is still accepted')
    },
  },
  {
    id: 'A-09',
    level: 'M',
    claim: 'A new connection is not authenticated, and an AUTH event of another one fails there',
    run: async (t) => {
      const [first, second, key] = [await anonymous(t), await anonymous(t), t.key()]
      const auth = authEvent(t, key, await needChallenge(t, first))
      await checkAuth(first, auth, 'on the first connection')
      await needChallenge(t, second)
      const { isAccepted, text } = await sendAuth(second, auth)
      check(!isAccepted, 'the AUTH event of another connection was accepted')
      checkPrefix(text, [], 'a replayed AUTH')
      await second.refuse(protectedEvent(t, key), [], 'a protected event on the second connection')
    },
  },
  {
    id: 'A-10',
    level: 'M',
    claim: 'A kind 22242 event sent as EVENT is refused with "invalid:", never sent on and never stored',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      const event = authEvent(t, key, (await challengeOf(t, client)) ?? randomHex())
      const { isAccepted, text } = await client.publish(event)
      await live.silence('an AUTH event is sent to nobody')
      checkSame(await client.query({ ids: [event.id] }), [], 'stored AUTH events')
      check(!isAccepted, 'it was answered true')
      checkPrefix(text, ['invalid'], 'an AUTH event published')
    },
  },
  {
    id: 'A-11',
    level: 'M',
    claim: 'A subscription to kind 22242 sees nothing while others authenticate',
    run: async (t) => {
      const [client, listener, key] = [await anonymous(t), await t.connect(), t.key()]
      // By author: an AUTH event that row A-10 publishes wrongly is no concern of this row.
      const authors = [key.pubkey]
      listener.send(['REQ', 'spy', { kinds: [22242], authors }, { kinds: [1], authors }])
      const { closed } = await listener.endOf('spy')
      await authenticate(t, client, key)
      const note = t.event(key)
      await client.accept(note)
      if (closed === undefined) await listener.expect('the note', (m) => isEventFrame(m, 'spy', note.id))
      await listener.silence('an AUTH event is seen by nobody', (m) => m[0] === 'EVENT')
      t.note(closed === undefined ? 'the REQ is served, with nothing' : `the REQ is refused: ${closed}`)
    },
  },
  {
    id: 'A-12',
    level: 'M',
    claim: 'EVENT, REQ, COUNT and NEG-OPEN that need AUTH are refused with "auth-required:"',
    needs: authRequired,
    run: async (t) => {
      const client = await t.connect({ auth: false })
      await client.refuse(t.event(t.key()), ['auth-required'], 'EVENT')
      await client.refuseRequest([{ kinds: [1] }], ['auth-required'], 'REQ')
      if (t.info.nips.has(77))
        checkNegError(await openNeg(client, 'n', { kinds: [1] }, '6100000200'), ['auth-required'], 'NEG-OPEN')
      if (!t.info.nips.has(45)) return
      const result = await client.countResult({ kinds: [1] })
      if (typeof result !== 'string') fail(`COUNT was answered ${result.count}`)
      checkPrefix(result, ['auth-required'], 'COUNT')
    },
  },
  {
    id: 'A-13',
    level: 'M',
    claim: 'A key that authenticated and is not allowed gets "restricted:"',
    needs: {
      relay: 'that requires AUTH and admits listed keys only (a RelayControl)',
      isShown: () => false,
      settings: { authRequired: true, allowedPubkeys: [member.pubkey] },
    },
    run: async (t) => {
      const [stranger, key] = [await t.connect({ auth: false }), t.key()]
      await sendAuth(stranger, authEvent(t, key, await needChallenge(t, stranger)))
      await stranger.refuse(t.event(key), ['restricted'], 'EVENT of a key that is not listed')
      await stranger.refuseRequest([{ kinds: [1] }], ['restricted'], 'REQ of a key that is not listed')
      const admitted = await t.connect({ auth: member })
      await admitted.accept(t.event(member))
    },
  },
  {
    id: 'A-14',
    level: 'M',
    claim: 'A REQ refused with "auth-required:" is served after AUTH',
    needs: {
      ...authRequired,
      isShown: (info) => info.isAuthRequired || info.nips.has(59) || info.nips.has(17) || info.nips.has(4),
    },
    run: async (t) => {
      const [client, key] = [await t.connect({ auth: false }), t.key()]
      const filter = { kinds: [1059], '#p': [key.pubkey] }
      const { closed } = await client.request(filter)
      if (closed === undefined) skip('the relay shows gift wraps to everybody')
      checkPrefix(closed, ['auth-required'], 'REQ before AUTH')
      await authenticate(t, client, key)
      await client.query(filter)
    },
  },
  {
    id: 'A-15',
    level: 'D',
    claim: 'A malformed AUTH gets a NOTICE, or OK false where there is an id',
    run: async (t) => {
      const client = await anonymous(t)
      const isAnswer = (m: readonly unknown[]) => m[0] === 'NOTICE' || (m[0] === 'OK' && m[2] === false)
      const id = randomHex()
      for (const message of [['AUTH'], ['AUTH', 'text'], ['AUTH', {}], ['AUTH', null], ['AUTH', { id }]]) {
        client.send(message)
        await client.expect(`NOTICE or OK false after ${JSON.stringify(message)}`, isAnswer)
      }
      client.send(['REQ', 'alive', { limit: 0 }])
      await client.expect('an answer afterwards', (m) => m[1] === 'alive')
    },
  },
  {
    id: 'A-16',
    level: 'D',
    claim: 'AUTH is no stored write: it needs no proof of work and is not found afterwards',
    needs: {
      relay: 'that advertises a min_pow_difficulty',
      isShown: (info) => (info.limit('min_pow_difficulty') ?? 0) > 0,
      settings: { minPowDifficulty: 8 },
    },
    run: async (t) => {
      const [client, key] = [await anonymous(t), t.key()]
      const auth = authEvent(t, key, await needChallenge(t, client))
      await checkAuth(client, auth, 'AUTH without proof of work')
      checkSame(await client.query({ authors: [key.pubkey] }), [], 'events of the key')
    },
  },
  {
    id: 'A-17',
    level: 'D',
    claim: 'Many failing AUTHs are rate-limited, or end the connection',
    timeoutMs: 40_000,
    run: async (t) => {
      const [client, key] = [await anonymous(t), t.key()]
      await needChallenge(t, client)
      for (let attempt = 1; attempt <= 300; attempt += 1) {
        const answer = await tryWrongAuth(t, client, key)
        if (answer === 'limited') return t.note(`stopped at attempt ${attempt}`)
      }
      fail('300 wrong AUTHs were answered one by one')
    },
  },
  {
    id: 'A-18',
    level: 'D',
    claim: 'A key that is banned while authenticated is refused with "blocked:" or "restricted:"',
    needs: {
      relay: 'on which the suite can ban keys (a RelayControl)',
      isShown: () => false,
      settings: {},
    },
    run: async (t) => {
      const [client, key] = [await anonymous(t), t.key()]
      await authenticate(t, client, key)
      await client.accept(t.event(key))
      if (t.relay?.ban === undefined) skip('the control cannot ban keys')
      await t.relay.ban(key.pubkey)
      await client.refuse(t.event(key), ['blocked', 'restricted'], 'EVENT of a banned key')
    },
  },
]

/** A connection without AUTH, on a relay that has NIP-42. */
async function anonymous(t: Trial): Promise<Client> {
  t.requireNip(42)
  return t.connect({ auth: false })
}

/** Every way to be wrong in one point alone. */
function brokenAuths(t: Trial, key: Key, challenge: string): Record<string, WireEvent> {
  const relay = ['relay', t.relayUrl]
  const asked = ['challenge', challenge]
  const broken = (draft: Partial<Draft>) => authEvent(t, key, challenge, draft)
  const valid = () => broken({ content: randomHex(4) })
  return {
    'kind 1': broken({ kind: 1 }),
    'an hour old': broken({ created_at: t.now() - 3600 }),
    'an hour ahead': broken({ created_at: t.now() + 3600 }),
    'another challenge': broken({ tags: [relay, ['challenge', randomHex(16)]] }),
    'no challenge tag': broken({ tags: [relay] }),
    'the relay of another host': broken({ tags: [['relay', 'wss://relay.elsewhere.example'], asked] }),
    'no relay tag': broken({ tags: [asked] }),
    'a signature by another key': { ...valid(), sig: signId(t.key(), randomHex()) },
    'an id that is no hash of it': { ...valid(), content: 'changed' },
  }
}

async function checkAuth(client: Client, event: WireEvent, what: string): Promise<void> {
  const { isAccepted, text } = await sendAuth(client, event)
  check(isAccepted, `${what}: AUTH was refused with "${text}"`)
}

/** Skips unless a protected event shows who is authenticated. */
async function needTouchstone(t: Trial): Promise<void> {
  const [client, key] = [await t.connect({ auth: false }), t.key()]
  await client.refuse(protectedEvent(t, key), [], 'a protected event before AUTH')
  await authenticate(t, client, key)
  const { isAccepted } = await client.publish(protectedEvent(t, key))
  if (!isAccepted)
    skip('nothing shows who is authenticated: protected events are refused from their author too')
}

async function tryWrongAuth(t: Trial, client: Client, key: Key): Promise<'answered' | 'limited'> {
  if (client.ended !== undefined) return 'limited'
  const event = authEvent(t, key, randomHex(16), { content: randomHex(4) })
  client.send(['AUTH', event])
  const isAnswer = (m: readonly unknown[]) => (m[0] === 'OK' && m[1] === event.id) || m[0] === 'NOTICE'
  const answer = await client.find(isAnswer, t.options.answerMs)
  if (answer === undefined) return client.ended === undefined ? fail('a wrong AUTH got no answer') : 'limited'
  check(answer[0] === 'NOTICE' || answer[2] === false, 'a wrong AUTH was accepted')
  return String(answer.at(-1)).startsWith('rate-limited:') ? 'limited' : 'answered'
}

/** An upper bound on the entropy of a challenge: its length times the bits of its alphabet. */
function bitsOf(challenge: string): number {
  const perCharacter = /^[0-9a-f-]+$/i.test(challenge) ? 4 : 5.9
  return challenge.replaceAll('-', '').length * perCharacter
}
