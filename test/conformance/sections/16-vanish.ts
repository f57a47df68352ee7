import { connectAs } from '../kit/auth.ts'
import type { Client } from '../kit/client.ts'
import { type Draft, idsOf, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import { reconcile } from '../kit/negentropy-session.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex, signId } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip } from '../kit/verdict.ts'
import { randomWord } from '../kit/words.ts'

const ELSEWHERE = 'wss://relay.elsewhere.example'

export const rows: readonly Row[] = [
  {
    id: 'V-01',
    level: 'M',
    claim: 'A request to vanish without a relay tag is refused with "invalid:" and removes nothing',
    run: async (t) => {
      const [client, key] = [await vanishing(t), t.key()]
      const note = t.event(key, { created_at: t.now() - 10 })
      await client.accept(note)
      for (const tags of [[], [['relay']], [['e', note.id]]])
        await client.refuse(t.event(key, { kind: 62, tags }), ['invalid'], JSON.stringify(tags))
      checkSame(idsOf(await client.query({ authors: [key.pubkey] })), [note.id], 'events afterwards')
    },
  },
  {
    id: 'V-02',
    level: 'M',
    claim: 'A request that names this relay, however its URL is spelled, removes everything up to its time',
    run: async (t) => {
      const client = await vanishing(t)
      for (const url of spellingsOf(t.relayUrl)) {
        const [key, now] = [t.key(), t.now()]
        const old = await storeLife(t, client, key)
        const newer = t.event(key, { created_at: now + 2 })
        await client.accept(newer)
        await client.accept(vanish(t, key, { tags: [['relay', url]], created_at: now }))
        await checkGone(client, old, url)
        checkSame(idsOf(await client.query({ kinds: [1], authors: [key.pubkey] })), [newer.id], 'notes left')
      }
    },
  },
  {
    id: 'V-03',
    level: 'M',
    claim: 'ALL_RELAYS does the same, in upper case only',
    run: async (t) => {
      const [client, key, other] = [await vanishing(t), t.key(), t.key()]
      const [old, kept] = [await storeLife(t, client, key), await storeLife(t, client, other)]
      const { isAccepted, text } = await client.publish(vanish(t, other, { tags: [['relay', 'all_relays']] }))
      if (!isAccepted) checkPrefix(text, ['invalid'], 'all_relays')
      await client.accept(vanish(t, key, { tags: [['relay', 'ALL_RELAYS']] }))
      await checkGone(client, old, 'ALL_RELAYS')
      checkSame(
        (await client.query({ ids: idsOf(kept) })).length,
        kept.length,
        'events kept after all_relays',
      )
    },
  },
  {
    id: 'V-04',
    level: 'M',
    claim: 'A request for another relay removes nothing here',
    run: async (t) => {
      const [client, key] = [await vanishing(t), t.key()]
      const kept = await storeLife(t, client, key)
      const request = vanish(t, key, { tags: [['relay', ELSEWHERE]] })
      const { isAccepted, text } = await client.publish(request)
      if (!isAccepted) checkPrefix(text, ['invalid'], 'a request for another relay')
      t.note(isAccepted ? 'stored without effect' : text)
      checkSame((await client.query({ ids: idsOf(kept) })).length, kept.length, 'events afterwards')
      await client.accept(t.event(key))
    },
  },
  {
    id: 'V-05',
    level: 'S',
    claim: 'Gift wraps sent to the key go too, and those to others stay',
    run: async (t) => {
      const [client, key, other, created_at] = [await vanishing(t), t.key(), t.key(), t.now() - 10]
      const wrap = (to: Key) => t.event(t.key(), { kind: 1059, created_at, tags: [['p', to.pubkey]] })
      const [mine, theirs] = [wrap(key), wrap(other)]
      await client.accept(mine, theirs)
      // Whoever may see gift wraps, their recipient may.
      const readers = t.info.nips.has(42) ? [await connectAs(t, key), await connectAs(t, other)] : []
      const [me = client, them = client] = readers
      checkSame((await me.query({ ids: [mine.id] })).length, 1, 'gift wraps before')
      await client.accept(vanish(t, key))
      checkSame(await me.query({ ids: [mine.id] }), [], 'gift wraps afterwards')
      checkSame((await them.query({ ids: [theirs.id] })).length, 1, 'gift wraps of others')
    },
  },
  {
    id: 'V-06',
    level: 'M',
    claim: 'What is as old as the request or older is refused with "blocked:", whoever brings it',
    run: async (t) => {
      const [client, stranger, key, now] = [await vanishing(t), await t.connect(), t.key(), t.now()]
      const old = await storeLife(t, client, key)
      await client.accept(vanish(t, key, { created_at: now }))
      const unseen = [t.event(key, { created_at: now }), t.event(key, { kind: 0, created_at: now - 9 })]
      for (const event of [...old, ...unseen])
        for (const bringer of [client, stranger])
          await bringer.refuse(event, ['blocked'], `kind ${event.kind} from before the request`)
      await checkGone(client, [...old, ...unseen], 'after they were sent again')
    },
  },
  {
    id: 'V-07',
    level: 'M',
    claim: 'What is newer than the request is accepted',
    run: async (t) => {
      const [client, key, now] = [await vanishing(t), t.key(), t.now()]
      const older = t.event(key, { created_at: now - 60 })
      await client.accept(older, vanish(t, key, { created_at: now - 30 }))
      const newer = [t.event(key, { created_at: now - 29 }), t.event(key, { kind: 0, created_at: now })]
      await client.accept(...newer)
      checkSame(
        idsOf(await client.query({ kinds: [0, 1], authors: [key.pubkey] })).toSorted(),
        idsOf(newer).toSorted(),
        'events afterwards',
      )
    },
  },
  {
    id: 'V-08',
    level: 'M',
    claim: 'A key that may not write any more can still vanish',
    needs: {
      relay: 'on which the suite can ban keys (a RelayControl)',
      isShown: (info) => !info.nips.has(62),
      settings: {},
    },
    run: async (t) => {
      const [client, key] = [await vanishing(t), t.key()]
      if (t.relay?.ban === undefined) skip('the control cannot ban keys')
      const old = await storeLife(t, client, key)
      await t.relay.ban(key.pubkey)
      await client.refuse(t.event(key), ['blocked', 'restricted'], 'an event of a banned key')
      await client.accept(vanish(t, key))
      await checkGone(client, old, 'a request by a banned key')
    },
  },
  {
    id: 'V-09',
    level: 'M',
    claim: 'Neither a kind 5 nor an older request takes a request to vanish back',
    run: async (t) => {
      const [client, key, now] = [await vanishing(t), t.key(), t.now()]
      const request = vanish(t, key, { created_at: now - 10 })
      await client.accept(request)
      await client.publish(t.event(key, { kind: 5, created_at: now, tags: [['e', request.id]] }))
      await client.publish(vanish(t, key, { created_at: now - 100 }))
      const between = t.event(key, { created_at: now - 50 })
      await client.refuse(between, ['blocked'], 'an event between the two requests')
      await client.accept(t.event(key, { created_at: now }))
    },
  },
  {
    id: 'V-10',
    level: 'O',
    claim: 'The request is kept, served or hidden: sent again it is known, and still holds',
    run: async (t) => {
      const [client, key, now] = [await vanishing(t), t.key(), t.now()]
      const request = vanish(t, key, { created_at: now })
      await client.accept(request)
      const again = await client.publish(request)
      checkPrefix(again.text, ['duplicate', 'blocked'], 'the same request again')
      await client.refuse(t.event(key, { created_at: now - 1 }), ['blocked'], 'an older event')
      const { events } = await client.request({ ids: [request.id] })
      t.note(events.length > 0 ? 'the request is served' : 'the request is hidden')
    },
  },
  {
    id: 'V-11',
    level: 'M',
    claim: 'Nothing is left of it: not in any filter, COUNT, registers, search or reconciliation',
    run: async (t) => {
      const [client, key, word, now] = [await vanishing(t), t.key(), randomWord(), t.now()]
      const target = randomHex()
      const draft = { content: word, tags: [['e', target]], created_at: now - 5 }
      const events = [1, 7, 30023].map((kind) => t.event(key, { ...draft, kind }))
      await client.accept(...events)
      checkSame((await client.query({ '#e': [target] })).length, 3, 'events before')
      if (t.info.nips.has(50)) await client.query({ search: word })
      await client.accept(vanish(t, key, { created_at: now }))
      const kinds = [1, 7, 30023]
      const filters: object[] = [{ ids: idsOf(events) }, { kinds, authors: [key.pubkey] }, { '#e': [target] }]
      if (t.info.nips.has(50)) filters.push({ search: word })
      for (const filter of filters) await checkNothing(t, client, filter)
    },
  },
  {
    id: 'V-12',
    level: 'P',
    claim: 'A request from the far future is refused, or counts up to now only',
    run: async (t) => {
      const [client, key, created_at] = [await vanishing(t), t.key(), t.now() + 10 * 365 * 86_400]
      const old = await storeLife(t, client, key)
      const { isAccepted, text } = await client.publish(vanish(t, key, { created_at }))
      if (!isAccepted) {
        checkPrefix(text, ['invalid'], 'a request ten years ahead')
        checkSame((await client.query({ ids: idsOf(old) })).length, old.length, 'events kept')
      }
      t.note(isAccepted ? 'accepted' : text)
      await client.accept(t.event(key, { created_at: t.now() + 2 }))
    },
  },
  {
    id: 'V-13',
    level: 'P',
    claim: 'A request with a wrong signature is refused and removes nothing',
    run: async (t) => {
      const [client, key, forger] = [await vanishing(t), t.key(), t.key()]
      const kept = await storeLife(t, client, key)
      const request = vanish(t, key)
      const forged = { ...request, sig: signId(forger, request.id) }
      await client.refuse(forged, ['invalid'], 'a request signed by somebody else')
      await client.refuse(
        { ...request, tags: [['relay', 'ALL_RELAYS'], ['x']] },
        ['invalid'],
        'a changed request',
      )
      checkSame((await client.query({ ids: idsOf(kept) })).length, kept.length, 'events afterwards')
    },
  },
]

/** A connection to a relay that has NIP-62. */
async function vanishing(t: Trial): Promise<Client> {
  t.requireNip(62)
  return t.connect()
}

function vanish(t: Trial, key: Key, draft: Partial<Draft> = {}): WireEvent {
  return t.event(key, { kind: 62, content: '', tags: [['relay', t.relayUrl]], ...draft })
}

/** A note, a profile, an article and a deletion of something else, ten seconds old. */
async function storeLife(t: Trial, client: Client, key: Key): Promise<readonly WireEvent[]> {
  const created_at = t.now() - 10
  const tags = [['e', randomHex()]]
  const kinds = [1, 0, 30023, 5]
  const events = kinds.map((kind) => t.event(key, { kind, created_at, tags, content: '{}' }))
  await client.accept(...events)
  checkSame((await client.query({ ids: idsOf(events) })).length, events.length, 'events stored at first')
  return events
}

async function checkGone(client: Client, events: readonly WireEvent[], what: string): Promise<void> {
  checkSame(await client.query({ ids: idsOf(events) }), [], `${what}: events left`)
}

async function checkNothing(t: Trial, client: Client, filter: object): Promise<void> {
  const name = JSON.stringify(filter)
  checkSame(await client.query(filter), [], name)
  if (t.info.nips.has(45)) {
    const result = await client.countResult(filter)
    check(typeof result !== 'string', `COUNT of ${name} was refused with "${String(result)}"`)
    checkSame(result.count, 0, `COUNT of ${name}`)
    if (typeof result.hll === 'string') check(/^0+$/.test(result.hll), `registers of ${name}: ${result.hll}`)
  }
  if (t.info.nips.has(77) && !('search' in filter))
    checkSame((await reconcile(client, filter, [])).need, [], `ids reconciled for ${name}`)
}

function spellingsOf(url: string): readonly string[] {
  const { protocol, host, pathname } = new URL(url)
  const bare = `${protocol}//${host}${pathname.replace(/\/+$/, '')}`
  return [bare, `${bare}/`, `${protocol}//${host.toUpperCase()}${pathname}`]
}
