import { connectAs } from '../kit/auth.ts'
import { type Client, isEventFrame } from '../kit/client.ts'
import { type Draft, idsOf, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import { openNeg, reconcile } from '../kit/negentropy-session.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip } from '../kit/verdict.ts'
import { randomWord } from '../kit/words.ts'

const DAY_SECONDS = 86_400
const EMPTY_SET = '6100000200'

export const rows: readonly Row[] = [
  {
    id: 'G-01',
    level: 'S',
    claim: 'Gift wraps asked for without AUTH are refused with "auth-required:"',
    run: async (t) => {
      requireGate(t)
      const [sender, reader, recipient] = [await t.connect(), await t.connect({ auth: false }), t.key()]
      await sender.accept(giftWrap(t, recipient))
      const filter = { kinds: [1059], '#p': [recipient.pubkey] }
      await reader.refuseRequest([filter], ['auth-required'], 'REQ for gift wraps before AUTH')
    },
  },
  {
    id: 'G-02',
    level: 'S',
    claim: 'Somebody else\'s gift wraps are refused with "restricted:", or left out',
    run: async (t) => {
      requireGate(t)
      const [sender, recipient] = [await t.connect(), t.key()]
      await sender.accept(giftWrap(t, recipient))
      const stranger = await connectAs(t, t.key())
      const { closed, events } = await stranger.request({ kinds: [1059], '#p': [recipient.pubkey] })
      checkSame(events, [], 'gift wraps shown to a stranger')
      if (closed !== undefined) checkPrefix(closed, ['restricted'], 'REQ for the gift wraps of others')
      const reader = await connectAs(t, recipient)
      const mine = await reader.query({ kinds: [1059], '#p': [recipient.pubkey] })
      checkSame(mine.length, 1, 'gift wraps shown to their recipient')
    },
  },
  {
    id: 'G-03',
    level: 'S',
    claim: 'The recipient is served gift wraps, stored and live',
    run: async (t) => {
      requireGate(t)
      const [sender, recipient] = [await t.connect(), t.key()]
      const stored = giftWrap(t, recipient)
      await sender.accept(stored)
      const reader = await connectAs(t, recipient)
      const live = await reader.subscribe('inbox', { kinds: [1059], '#p': [recipient.pubkey] })
      checkSame(idsOf(live.stored), [stored.id], 'stored gift wraps')
      const next = giftWrap(t, recipient)
      await sender.accept(next)
      await live.expectEvent(next)
    },
  },
  {
    id: 'G-04',
    level: 'S',
    claim: 'No other question brings a gift wrap to light: ids, authors, tags, COUNT, NEG-OPEN, search, live',
    timeoutMs: 40_000,
    run: async (t) => {
      requireGate(t)
      const [sender, recipient, wrapper, word] = [await t.connect(), t.key(), t.key(), randomWord()]
      const wrap = giftWrap(t, recipient, { key: wrapper, content: word })
      const note = t.event(wrapper, { content: word })
      await sender.accept(wrap, note)
      const spies = [await t.connect({ auth: t.info.isAuthRequired ? t.key() : false })]
      spies.push(await connectAs(t, t.key()))
      for (const spy of spies) {
        await checkHidden(t, spy, { wrap, note, recipient, word })
        await checkHiddenLive(t, { spy, sender, wrapper, recipient })
      }
      const reader = await connectAs(t, recipient)
      checkSame(idsOf(await reader.query({ ids: [wrap.id] })), [wrap.id], 'what the recipient gets by id')
    },
  },
  {
    id: 'G-05',
    level: 'S',
    claim: 'A REQ for notes and gift wraps is refused, or shows the notes alone, stored and live',
    run: async (t) => {
      requireGate(t)
      const [sender, reader, key, recipient] = [
        await t.connect(),
        await t.connect({ auth: false }),
        t.key(),
        t.key(),
      ]
      const note = t.event(key)
      await sender.accept(note, giftWrap(t, recipient, { key }))
      const filter = { kinds: [1, 1059], authors: [key.pubkey] }
      reader.send(['REQ', 'mixed', filter])
      const { closed, events } = await reader.endOf('mixed')
      if (closed !== undefined) return checkPrefix(closed, ['auth-required'], 'REQ for notes and gift wraps')
      checkSame(idsOf(events), [note.id], 'stored events shown')
      const [wrap, next] = [giftWrap(t, recipient, { key }), t.event(key)]
      await sender.accept(wrap, next)
      await reader.expect('the note live', (m) => isEventFrame(m, 'mixed', next.id))
      await reader.silence('no gift wrap comes live', (m) => isEventFrame(m, 'mixed'))
    },
  },
  {
    id: 'G-06',
    level: 'S',
    claim: 'Where NIP-04 is listed, kind 4 is shown to its author and its recipient only',
    run: async (t) => {
      t.requireNip(4)
      t.requireNip(42)
      const [sender, author, recipient] = [await t.connect(), t.key(), t.key()]
      const message = t.event(author, { kind: 4, tags: [['p', recipient.pubkey]], content: 'AA==?iv=AA==' })
      await sender.accept(message)
      const filter = { kinds: [4], '#p': [recipient.pubkey] }
      const nobody = await t.connect({ auth: false })
      await nobody.refuseRequest([filter], ['auth-required'], 'REQ for kind 4 before AUTH')
      checkSame((await nobody.request({ ids: [message.id] })).events, [], 'kind 4 by id, before AUTH')
      const stranger = await connectAs(t, t.key())
      for (const other of [filter, { ids: [message.id] }, { authors: [author.pubkey] }])
        checkSame((await stranger.request(other)).events, [], `${JSON.stringify(other)} by a stranger`)
      for (const key of [author, recipient]) {
        const reader = await connectAs(t, key)
        checkSame(idsOf(await reader.query({ ids: [message.id] })), [message.id], 'kind 4 by id')
      }
    },
  },
  {
    id: 'G-07',
    level: 'M',
    claim:
      'An ephemeral gift wrap (21059) reaches its authenticated recipient live, nobody else, and no disk',
    run: async (t) => {
      requireGate(t)
      const [sender, recipient, wrapper] = [await t.connect(), t.key(), t.key()]
      const [reader, stranger] = [await connectAs(t, recipient), await connectAs(t, t.key())]
      const live = await reader.subscribe('inbox', { kinds: [21059], '#p': [recipient.pubkey] })
      stranger.send(['REQ', 'spy', { authors: [wrapper.pubkey] }])
      await stranger.endOf('spy')
      const wrap = giftWrap(t, recipient, { key: wrapper, kind: 21059 })
      await sender.accept(wrap)
      await live.expectEvent(wrap)
      await stranger.silence('a stranger sees no ephemeral gift wrap', (m) => isEventFrame(m, 'spy'))
      checkSame(await reader.query({ ids: [wrap.id] }), [], 'ephemeral gift wraps stored')
    },
  },
  {
    id: 'G-08',
    level: 'S',
    claim: 'The recipient removes gift wraps by kind 5, and all of them by kind 62',
    run: async (t) => {
      requireGate(t)
      const [client, recipient, created_at] = [await t.connect(), t.key(), t.now() - 10]
      const wraps = [1, 2, 3].map(() => giftWrap(t, recipient, { created_at }))
      const [first] = wraps
      await client.accept(...wraps)
      const reader = await connectAs(t, recipient)
      await client.accept(t.event(recipient, { kind: 5, tags: [['e', first?.id ?? '']] }))
      const filter = { kinds: [1059], '#p': [recipient.pubkey] }
      const left = idsOf(await reader.query(filter))
      checkSame(left.toSorted(), idsOf(wraps.slice(1)).toSorted(), 'gift wraps after kind 5')
      if (!t.info.nips.has(62)) return t.note('kind 62 is not listed')
      await client.accept(t.event(recipient, { kind: 62, tags: [['relay', t.relayUrl]] }))
      checkSame(await reader.query(filter), [], 'gift wraps after kind 62')
    },
  },
  {
    id: 'G-09',
    level: 'D',
    claim: 'Gift wraps two days old, by keys nobody has seen, are accepted',
    run: async (t) => {
      requireGate(t)
      const [sender, recipient] = [await t.connect(), t.key()]
      const wraps = [0.5, 1, 2].map((days) =>
        giftWrap(t, recipient, { created_at: t.now() - days * DAY_SECONDS + 60 }),
      )
      await sender.accept(...wraps)
      const reader = await connectAs(t, recipient)
      const found = await reader.query({ kinds: [1059], '#p': [recipient.pubkey] })
      checkSame(found.length, wraps.length, 'gift wraps stored')
    },
  },
  {
    id: 'G-10',
    level: 'O',
    claim: 'Where senders must authenticate, gift wraps of others are refused with "auth-required:"',
    needs: {
      relay: 'that takes gift wraps from authenticated clients only (a RelayControl)',
      isShown: () => false,
      settings: { giftWrapsNeedAuth: true },
    },
    run: async (t) => {
      const [nobody, recipient] = [await t.connect({ auth: false }), t.key()]
      await nobody.refuse(giftWrap(t, recipient), ['auth-required'], 'a gift wrap before AUTH')
      await nobody.accept(t.event(t.key()))
      const sender = await connectAs(t, t.key())
      await sender.accept(giftWrap(t, recipient))
    },
  },
  {
    id: 'G-11',
    level: 'D',
    claim: 'Kinds that belong inside a gift wrap (13, 14, 15, 444) are stored, or refused with a prefix',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const note = t.event(key)
      await client.accept(note)
      checkSame(idsOf(await client.query({ ids: [note.id] })), [note.id], 'what is no private message')
      for (const kind of [13, 14, 15, 444]) {
        const event = t.event(key, { kind })
        const { isAccepted, text } = await client.publish(event)
        if (!isAccepted) checkPrefix(text, ['blocked', 'invalid', 'restricted'], `kind ${kind} by itself`)
        const { events } = await client.request({ ids: [event.id] })
        if (!isAccepted) checkSame(events, [], `kind ${kind}, stored although refused`)
        t.note(`kind ${kind}: ${isAccepted ? 'accepted' : text}`)
      }
    },
  },
  {
    id: 'G-12',
    level: 'D',
    claim: 'Profiles and relay lists (0, 10002, 10050, 10051) are accepted from anyone',
    run: async (t) => {
      if (t.info.areWritesRestricted) skip('the relay says that writing is for some only')
      const [client, key] = [await t.connect(), t.key()]
      const events = [0, 10002, 10050, 10051].map((kind) =>
        t.event(key, { kind, content: kind === 0 ? '{}' : '', tags: [['relay', 'wss://inbox.example']] }),
      )
      await client.accept(...events)
      checkSame((await client.query({ authors: [key.pubkey] })).length, events.length, 'lists stored')
    },
  },
  {
    id: 'G-13',
    level: 'O',
    claim: 'Drafts (NIP-37, kinds 31234 and 10013) are shown to their author only',
    run: async (t) => {
      t.requireNip(42)
      const [client, author, friend] = [await t.connect(), t.key(), t.key()]
      const tags = [
        ['d', randomHex(4)],
        ['p', friend.pubkey],
      ]
      const drafts = [t.event(author, { kind: 31234, tags }), t.event(author, { kind: 10013, tags: [] })]
      await client.accept(...drafts)
      const nobody = await t.connect({ auth: false })
      const { events } = await nobody.request({ ids: idsOf(drafts) })
      if (events.length === drafts.length) skip('the relay shows drafts to everybody')
      checkSame(events, [], 'drafts shown to nobody in particular')
      const spy = await connectAs(t, friend)
      checkSame((await spy.request({ ids: idsOf(drafts) })).events, [], 'drafts shown to whom they name')
      const self = await connectAs(t, author)
      checkSame((await self.query({ ids: idsOf(drafts) })).length, 2, 'drafts shown to their author')
    },
  },
]

/** Skips unless the relay can know its readers and says that it looks after private messages. */
function requireGate(t: Trial): void {
  t.requireNip(42)
  if (!t.info.nips.has(17) && !t.info.nips.has(59)) skip('NIP-11 lists neither NIP-17 nor NIP-59')
}

function giftWrap(t: Trial, to: Key, draft: Partial<Draft> & { readonly key?: Key } = {}): WireEvent {
  const { key = t.key(), ...rest } = draft
  return t.event(key, { kind: 1059, tags: [['p', to.pubkey]], ...rest })
}

interface Secret {
  readonly wrap: WireEvent
  /** By the same key, with the same word, and public: what an honest answer still shows. */
  readonly note: WireEvent
  readonly recipient: Key
  readonly word: string
}

async function checkHidden(t: Trial, spy: Client, { wrap, note, recipient, word }: Secret): Promise<void> {
  const doors: object[] = [
    { ids: [wrap.id] },
    { authors: [wrap.pubkey] },
    { '#p': [recipient.pubkey] },
    { kinds: [1059], authors: [wrap.pubkey] },
    { since: wrap.created_at - 1, limit: 300 },
  ]
  if (t.info.nips.has(50)) doors.push({ search: word })
  for (const door of doors) {
    const { events } = await spy.request(door)
    check(!idsOf(events).includes(wrap.id), `${JSON.stringify(door)} shows the gift wrap`)
  }
  const filter = { authors: [wrap.pubkey] }
  checkSame(idsOf(await spy.query(filter)), [note.id], 'what is left by its author')
  if (t.info.nips.has(45)) {
    checkSame((await spy.count(filter)) ?? 1, 1, 'COUNT of a note and a gift wrap')
    checkSame((await spy.count({ kinds: [1059], ...filter })) ?? 0, 0, 'COUNT of the gift wraps')
  }
  if (!t.info.nips.has(77)) return
  const { need } = await reconcile(spy, filter, [])
  checkSame(need, [note.id], 'ids told by NEG-OPEN')
  const answer = await openNeg(spy, 'wraps', { kinds: [1059], ...filter }, EMPTY_SET)
  check(!JSON.stringify(answer).includes(wrap.id), 'NEG-OPEN for gift wraps tells the id')
}

interface LiveSpying {
  readonly spy: Client
  readonly sender: Client
  readonly wrapper: Key
  readonly recipient: Key
}

async function checkHiddenLive(t: Trial, { spy, sender, wrapper, recipient }: LiveSpying): Promise<void> {
  const live = await spy.subscribe('spy', { authors: [wrapper.pubkey] }, { '#p': [recipient.pubkey] })
  // Ephemeral, so that whoever looks next does not find it.
  const note = t.event(wrapper, { kind: 20_001 })
  await sender.accept(giftWrap(t, recipient, { key: wrapper }), note)
  await live.expectEvent(note)
  await live.silence('no gift wrap comes live')
  live.close()
}
