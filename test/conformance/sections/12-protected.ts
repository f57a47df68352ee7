import { authenticate, needChallenge, protectedEvent } from '../kit/auth.ts'
import { idsOf } from '../kit/event.ts'
import type { Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip } from '../kit/verdict.ts'

export const rows: readonly Row[] = [
  {
    id: 'P-01',
    level: 'M',
    claim: 'A protected event of nobody authenticated is refused with "blocked:" or "auth-required:"',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const event = protectedEvent(t, key)
      await client.refuse(event, ['blocked', 'auth-required', 'restricted'], 'a protected event')
      checkSame(await client.query({ ids: [event.id] }), [], 'stored although refused')
    },
  },
  {
    id: 'P-02',
    level: 'M',
    claim: 'Where authors may publish protected events, others get a challenge and "auth-required:"',
    run: async (t) => {
      await needAuthors(t)
      const client = await t.connect({ auth: false })
      await client.refuse(protectedEvent(t, t.key()), ['auth-required'], 'a protected event before AUTH')
      await needChallenge(t, client)
    },
  },
  {
    id: 'P-03',
    level: 'M',
    claim: 'A protected event of somebody else is refused with "restricted:"',
    run: async (t) => {
      await needAuthors(t)
      const [client, other] = [await t.connect({ auth: false }), t.key()]
      await authenticate(t, client, other)
      const event = protectedEvent(t, t.key())
      await client.refuse(event, ['restricted'], "somebody else's protected event")
      checkSame(await client.query({ ids: [event.id] }), [], 'stored although refused')
    },
  },
  {
    id: 'P-04',
    level: 'M',
    claim: 'The authenticated author publishes protected events, also as the second of two keys',
    run: async (t) => {
      await needAuthors(t)
      const [client, one, two] = [await t.connect({ auth: false }), t.key(), t.key()]
      await authenticate(t, client, one)
      await authenticate(t, client, two)
      const events = [protectedEvent(t, two), protectedEvent(t, one)]
      await client.accept(...events)
      const stored = await client.query({ ids: idsOf(events) })
      checkSame(stored.length, 2, 'protected events stored')
    },
  },
  {
    id: 'P-05',
    level: 'S',
    claim: 'A repost that embeds a protected event is refused',
    run: async (t) => {
      requireProtection(t)
      const [client, author, booster] = [await t.connect(), t.key(), t.key()]
      for (const kind of [6, 16]) {
        const original = protectedEvent(t, author)
        const tags = [
          ['e', original.id],
          ['p', author.pubkey],
        ]
        const repost = t.event(booster, { kind, tags, content: JSON.stringify(original) })
        await client.refuse(repost, [], `a kind ${kind} repost of a protected event`)
        const plain = t.event(author)
        await client.accept(
          t.event(booster, { kind, tags: [['e', plain.id]], content: JSON.stringify(plain) }),
        )
      }
    },
  },
  {
    id: 'P-06',
    level: 'D',
    claim: 'A repost with empty content that only refers to a protected event is accepted',
    run: async (t) => {
      const [client, author] = [await t.connect(), t.key()]
      const tags = [
        ['e', protectedEvent(t, author).id],
        ['p', author.pubkey],
      ]
      const reposts = [6, 16].map((kind) => t.event(t.key(), { kind, tags, content: '' }))
      await client.accept(...reposts)
      checkSame((await client.query({ ids: idsOf(reposts) })).length, 2, 'reposts stored')
    },
  },
  {
    id: 'P-07',
    level: 'D',
    claim: '["-","x"] protects as well: the name alone decides',
    run: async (t) => {
      const client = await t.connect()
      const event = protectedEvent(t, t.key(), { tags: [['-', 'x']] })
      await client.refuse(event, ['blocked', 'auth-required', 'restricted'], '["-","x"]')
    },
  },
  {
    id: 'P-08',
    level: 'D',
    claim: 'Protected events are served to readers like others, stored and live',
    run: async (t) => {
      await needAuthors(t)
      const [client, reader, key] = [await t.connect({ auth: false }), await t.connect(), t.key()]
      await authenticate(t, client, key)
      const live = await reader.subscribe('live', { authors: [key.pubkey] })
      const event = protectedEvent(t, key)
      await client.accept(event)
      await live.expectEvent(event)
      checkSame(idsOf(await reader.query({ authors: [key.pubkey] })), [event.id], 'ids stored')
    },
  },
  {
    id: 'P-09',
    level: 'D',
    claim: 'The rule holds for every kind, deletions and articles too',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const target = t.event(key)
      await client.accept(target)
      for (const kind of [0, 5, 62, 10002, 20000, 30023]) {
        const tags = [['-'], ['d', 'x'], ['e', target.id], ['relay', 'ALL_RELAYS'], ['t', randomHex(4)]]
        await client.refuse(
          protectedEvent(t, key, { kind, tags }),
          ['blocked', 'auth-required', 'restricted'],
          `a protected event of kind ${kind}`,
        )
      }
      checkSame(
        idsOf(await client.query({ authors: [key.pubkey] })),
        [target.id],
        'ids of the author afterwards',
      )
    },
  },
]

function requireProtection(t: Trial): void {
  if (!t.info.nips.has(70))
    skip('NIP-11 does not list NIP-70: protected events are refused, reposts not looked at')
}

/** Skips unless the relay lists NIP-70 and NIP-42: only then can an author show who they are. */
async function needAuthors(t: Trial): Promise<void> {
  requireProtection(t)
  t.requireNip(42)
  const probe = await t.connect({ auth: false })
  const challenge = await needChallenge(t, probe)
  check(challenge.length > 0, 'the challenge is empty')
}
