import { authEvent, challengeOf, sendAuth } from '../kit/auth.ts'
import type { Client } from '../kit/client.ts'
import { checkSameEvent, type Draft, idsOf, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip } from '../kit/verdict.ts'

const ARTICLE = 30023

export const rows: readonly Row[] = [
  {
    id: 'D-01',
    level: 'S',
    claim: "An author's deletion by e takes the event out of every REQ and COUNT",
    run: async (t) => {
      const [client, key, tag] = [await t.connect(), t.key(), randomHex(8)]
      const [target, kept] = [t.event(key, { tags: [['t', tag]] }), t.event(key, { tags: [['t', tag]] })]
      await client.accept(target, kept)
      await checkStored(client, [target, kept], [])
      await client.accept(deletion(t, key, [['e', target.id]]))
      const filters = [{ ids: [target.id, kept.id] }, { authors: [key.pubkey], kinds: [1] }, { '#t': [tag] }]
      for (const filter of filters) {
        checkSame(idsOf(await client.query(filter)), [kept.id], `ids for ${JSON.stringify(filter)}`)
        if (t.info.nips.has(45))
          checkSame(await client.count(filter), 1, `COUNT for ${JSON.stringify(filter)}`)
      }
    },
  },
  {
    id: 'D-02',
    level: 'S',
    claim: 'The deletion itself is stored, served and sent live',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const target = t.event(key)
      await client.accept(target)
      const live = await listener.subscribe('live', { kinds: [5], authors: [key.pubkey] })
      const request = deletion(t, key, [['e', target.id]])
      await client.accept(request)
      await live.expectEvent(request)
      checkSameEvent((await client.query({ ids: [request.id] }))[0], request)
    },
  },
  {
    id: 'D-03',
    level: 'M',
    claim: "Naming another author's event leaves it alone",
    run: async (t) => {
      const [client, author, stranger] = [await t.connect(), t.key(), t.key()]
      const target = t.event(author)
      await client.accept(target)
      await client.publish(deletion(t, stranger, [['e', target.id]]))
      await checkStored(client, [target], [])
    },
  },
  {
    id: 'D-04',
    level: 'S',
    claim: 'Of own and foreign targets in one deletion only the own ones go',
    run: async (t) => {
      const [client, author, stranger] = [await t.connect(), t.key(), t.key()]
      const [own, alsoOwn, foreign] = [t.event(author), t.event(author), t.event(stranger)]
      await client.accept(own, alsoOwn, foreign)
      await client.accept(
        deletion(t, author, [
          ['e', own.id],
          ['e', foreign.id],
          ['e', alsoOwn.id],
        ]),
      )
      await checkStored(client, [foreign], [own, alsoOwn])
    },
  },
  {
    id: 'D-05',
    level: 'D',
    claim: 'A deleted event that comes again, from whomever, is refused with "blocked:"',
    run: async (t) => {
      const [client, other, key] = [await t.connect(), await t.connect(), t.key()]
      const target = t.event(key)
      await client.accept(target, deletion(t, key, [['e', target.id]]))
      for (const sender of [client, other]) await sender.refuse(target, ['blocked'], 'a deleted event again')
      await checkStored(client, [], [target])
    },
  },
  {
    id: 'D-06',
    level: 'D',
    claim: 'A deletion that comes before its target keeps it out',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const target = t.event(key)
      await client.accept(deletion(t, key, [['e', target.id]]))
      await client.refuse(target, [], 'the target of an earlier deletion')
      await checkStored(client, [], [target])
    },
  },
  {
    id: 'D-07',
    level: 'D',
    claim: "A stranger's deletion of an id not seen yet does not keep the author's event out",
    run: async (t) => {
      const [client, author, stranger] = [await t.connect(), t.key(), t.key()]
      const target = t.event(author)
      await client.publish(deletion(t, stranger, [['e', target.id]]))
      await client.accept(target)
      await checkStored(client, [target], [])
    },
  },
  {
    id: 'D-08',
    level: 'S',
    claim: 'Deletion by a removes the address up to and including its own second',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const [older, equal] = [article(t, key, 'older', now - 20), article(t, key, 'equal', now - 5)]
      await client.accept(older, equal)
      await checkStored(client, [older, equal], [])
      await client.accept(
        deletion(
          t,
          key,
          [
            ['a', address(key, 'older')],
            ['a', address(key, 'equal')],
          ],
          now - 5,
        ),
      )
      await checkStored(client, [], [older, equal])
    },
  },
  {
    id: 'D-09',
    level: 'S',
    claim: 'Deletion by a leaves a newer version alone',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const newer = article(t, key, 'page', now)
      await client.accept(newer)
      await client.accept(deletion(t, key, [['a', address(key, 'page')]], now - 5))
      await checkStored(client, [newer], [])
    },
  },
  {
    id: 'D-10',
    level: 'D',
    claim: 'After a deletion by a, versions up to its second are refused and later ones accepted',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      await client.accept(article(t, key, 'page', now - 20))
      await client.accept(deletion(t, key, [['a', address(key, 'page')]], now - 10))
      for (const age of [15, 10]) {
        await client.refuse(
          article(t, key, 'page', now - age),
          [],
          `a version ${age - 10} s before the deletion`,
        )
      }
      const later = article(t, key, 'page', now - 9)
      await client.accept(later)
      await checkStored(client, [later], [])
    },
  },
  {
    id: 'D-11',
    level: 'S',
    claim: 'Deletion by a works for a replaceable event, written "10002:pubkey:"',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const list = t.event(key, { kind: 10002, created_at: now - 10 })
      await client.accept(list)
      await checkStored(client, [list], [])
      await client.accept(deletion(t, key, [['a', `10002:${key.pubkey}:`]], now - 5))
      await checkStored(client, [], [list])
      const other = t.key()
      const kept = t.event(other, { kind: 10002, created_at: now - 10 })
      await client.accept(kept)
      await client.publish(deletion(t, other, [['a', `10002:${other.pubkey}`]], now - 5))
      const isKept = (await client.query({ ids: [kept.id] })).length === 1
      t.note(`the form without the last colon is ${isKept ? 'ignored' : 'obeyed'}`)
    },
  },
  {
    id: 'D-12',
    level: 'M',
    claim: "An a tag with another author's key has no effect",
    run: async (t) => {
      const [client, author, stranger, now] = [await t.connect(), t.key(), t.key(), t.now()]
      const target = article(t, author, 'page', now - 10)
      await client.accept(target)
      await client.publish(deletion(t, stranger, [['a', address(author, 'page')]], now))
      await checkStored(client, [target], [])
      const newer = article(t, author, 'page', now - 5)
      await client.accept(newer)
      await checkStored(client, [newer], [])
    },
  },
  {
    id: 'D-13',
    level: 'D',
    claim: 'An a tag deletes the exact address only',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const [target, otherD] = [article(t, key, 'page', now - 10), article(t, key, 'Page', now - 10)]
      const otherKind = t.event(key, { kind: 30024, created_at: now - 10, tags: [['d', 'page']] })
      await client.accept(target, otherD, otherKind, deletion(t, key, [['a', address(key, 'page')]]))
      await checkStored(client, [otherD, otherKind], [target])
    },
  },
  {
    id: 'D-14',
    level: 'D',
    claim: 'A deletion by e has no time bound: it also removes an event newer than itself',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const target = t.event(key, { created_at: now })
      await client.accept(target)
      await checkStored(client, [target], [])
      await client.accept(deletion(t, key, [['e', target.id]], now - 10))
      await checkStored(client, [], [target])
    },
  },
  {
    id: 'D-15',
    level: 'M',
    claim: 'A deletion of a deletion has no effect',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const target = t.event(key)
      const first = deletion(t, key, [['e', target.id]])
      await client.accept(target, first)
      const { isAccepted } = await client.publish(deletion(t, key, [['e', first.id]]))
      t.note(`the second deletion was ${isAccepted ? 'accepted' : 'refused'}`)
      await checkStored(client, [first], [target])
      await client.refuse(target, [], 'the event deleted first')
    },
  },
  {
    id: 'D-16',
    level: 'M',
    claim: 'A deletion of a request to vanish has no effect',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const past = t.event(key, { created_at: now - 100 })
      const vanish = t.event(key, { kind: 62, created_at: now - 50, tags: [['relay', 'ALL_RELAYS']] })
      await client.accept(past, vanish)
      const served = await client.query({ ids: [vanish.id] })
      await client.publish(deletion(t, key, [['e', vanish.id]]))
      if (served.length === 1) await checkStored(client, [vanish], [])
      if (t.info.nips.has(62)) await client.refuse(past, [], 'an event from before the vanishing')
      else if (served.length === 0) skip('the relay neither serves kind 62 nor lists NIP-62')
    },
  },
  {
    id: 'D-17',
    level: 'S',
    claim: 'A gift wrap is deleted by its recipient',
    run: async (t) => {
      const [client, wrapper, recipient, stranger] = [await t.connect(), t.key(), t.key(), t.key()]
      const reader = await t.connect({ auth: recipient })
      await tryAuthenticate(t, reader, recipient)
      const wrap = t.event(wrapper, { kind: 1059, tags: [['p', recipient.pubkey]] })
      await client.accept(wrap)
      const mine = { kinds: [1059], '#p': [recipient.pubkey] }
      checkSame(idsOf(await reader.query(mine)), [wrap.id], 'gift wraps before')
      await client.publish(deletion(t, stranger, [['e', wrap.id]]))
      checkSame(idsOf(await reader.query(mine)), [wrap.id], "gift wraps after a stranger's deletion")
      await client.accept(deletion(t, recipient, [['e', wrap.id]]))
      checkSame(await reader.query(mine), [], "gift wraps after the recipient's deletion")
    },
  },
  {
    id: 'D-18',
    level: 'D',
    claim: 'A wrong or missing k tag changes nothing',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const targets = [t.event(key), t.event(key), t.event(key)]
      await client.accept(...targets)
      await checkStored(client, targets, [])
      const kTags = [[], [['k', '7']], [['k', 'nonsense']]]
      for (const [i, target] of targets.entries()) {
        await client.accept(deletion(t, key, [['e', target.id], ...(kTags[i] ?? [])]))
      }
      await checkStored(client, [], targets)
    },
  },
  {
    id: 'D-19',
    level: 'P',
    claim: 'A deletion that names nothing is refused with "invalid:" or stored without effect',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const bystander = t.event(key)
      await client.accept(bystander)
      const { isAccepted, text } = await client.publish(deletion(t, key, [['k', '1']]))
      if (!isAccepted) checkPrefix(text, ['invalid'], 'a deletion without targets')
      await checkStored(client, [bystander], [])
    },
  },
  {
    id: 'D-20',
    level: 'D',
    claim: 'Malformed e and a values beside good ones do no harm: the good ones take effect',
    run: async (t) => {
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const [note, page] = [t.event(key), article(t, key, 'page', now - 10)]
      await client.accept(note, page)
      await checkStored(client, [note, page], [])
      const broken = [
        ['e'],
        ['e', ''],
        ['e', 'xyz'],
        ['e', note.id.slice(0, 10)],
        ['a'],
        ['a', ''],
        ['a', ':::'],
      ]
      const alsoBroken = [
        ['a', '30023'],
        ['a', `x:${key.pubkey}:page`],
        ['a', '30023:abc:page'],
        ['a', '-1:::'],
      ]
      const good = [
        ['e', note.id],
        ['a', address(key, 'page')],
      ]
      await client.accept(deletion(t, key, [...broken, ...alsoBroken, ...good]))
      await checkStored(client, [], [note, page])
    },
  },
  {
    id: 'D-21',
    level: 'D',
    claim: 'Replies and reactions to a deleted event stay',
    run: async (t) => {
      const [client, author, reader] = [await t.connect(), t.key(), t.key()]
      const target = t.event(author)
      const tags = [
        ['e', target.id],
        ['p', author.pubkey],
      ]
      const [reply, reaction] = [t.event(reader, { tags }), t.event(author, { kind: 7, tags, content: '+' })]
      await client.accept(target, reply, reaction, deletion(t, author, [['e', target.id]]))
      await checkStored(client, [reply, reaction], [target])
    },
  },
  {
    id: 'D-22',
    level: 'D',
    claim: 'COUNT and open subscriptions do not bring a deleted event back',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const filter = { kinds: [1], authors: [key.pubkey] }
      const target = t.event(key)
      const live = await listener.subscribe('live', filter)
      await client.accept(target)
      await live.expectEvent(target)
      if (t.info.nips.has(45)) checkSame(await client.count(filter), 1, 'COUNT before')
      await client.accept(deletion(t, key, [['e', target.id]]))
      await client.publish(target)
      await live.silence('the deleted event is not sent again')
      if (t.info.nips.has(45)) checkSame(await client.count(filter), 0, 'COUNT after')
      checkSame((await listener.subscribe('live', filter)).stored, [], 'stored events for the renewed REQ')
    },
  },
]

function deletion(t: Trial, key: Key, tags: Draft['tags'], created_at = t.now()): WireEvent {
  return t.event(key, { kind: 5, tags, created_at })
}

function article(t: Trial, key: Key, d: string, created_at: number): WireEvent {
  return t.event(key, { kind: ARTICLE, created_at, tags: [['d', d]] })
}

function address(key: Key, d: string): string {
  return `${ARTICLE}:${key.pubkey}:${d}`
}

async function checkStored(
  client: Client,
  present: readonly WireEvent[],
  absent: readonly WireEvent[],
): Promise<void> {
  const ids = idsOf(await client.query({ ids: idsOf([...present, ...absent]) }))
  const [gone, back] = [present.find((e) => !ids.includes(e.id)), absent.find((e) => ids.includes(e.id))]
  check(gone === undefined, `the kind ${gone?.kind} event ${gone?.id} should be stored`)
  check(back === undefined, `the kind ${back?.kind} event ${back?.id} should be gone`)
}

/** Gift wraps may be shown to their recipient only: authenticate where the relay can. */
async function tryAuthenticate(t: Trial, client: Client, key: Key): Promise<void> {
  if (t.info.isAuthRequired || !t.info.nips.has(42)) return
  const challenge = await challengeOf(t, client)
  if (challenge === undefined) return
  const { isAccepted, text } = await sendAuth(client, authEvent(t, key, challenge))
  if (!isAccepted) fail(`AUTH was refused with "${text}"`)
}
