import { connectAs } from '../kit/auth.ts'
import { type Client, isEventFrame } from '../kit/client.ts'
import type { Draft, WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import { adminOf, isManagedAlone } from '../kit/management.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Need, Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip, sleep } from '../kit/verdict.ts'

const KIND = {
  added: 8000,
  removed: 8001,
  list: 13534,
  join: 28934,
  invite: 28935,
  leave: 28936,
  role: 33534,
}
/** How long a relay may take to publish who has come or gone. */
const PUBLISH_MS = 10_000
/** A member, by the levels of section 24. */
const MEMBER = 2

/** A relay for these rows alone, where the suite may invite and only members write. */
const forMembers: Need = {
  relay: 'for members only, on which the suite may invite others (a RelayControl)',
  isShown: (info) => !info.nips.has(43),
  settings: { ...isManagedAlone.settings, minimumLevels: { write: MEMBER } },
  isShared: true,
}

export const rows: readonly Row[] = [
  {
    id: 'J-01',
    level: 'M',
    claim: 'What the relay says of its members is signed by self and protected',
    needs: forMembers,
    run: async (t) => {
      const [reader, key] = [await membersOf(t), t.key()]
      const self = selfOf(t)
      await join(t, key)
      const list = await untilMember(reader, self, key)
      check(
        list.tags.every(([name, pubkey]) => name !== 'member' || /^[0-9a-f]{64}$/.test(String(pubkey))),
        `a member is no key: ${JSON.stringify(list.tags)}`,
      )
      const kinds = [KIND.list, KIND.role, KIND.added, KIND.removed]
      for (const event of await reader.query({ kinds, limit: 100 })) {
        checkSame(event.pubkey, self, `the author of kind ${event.kind}`)
        check(
          event.tags.some(([name]) => name === '-'),
          `kind ${event.kind} has no "-" tag`,
        )
        if (event.kind === KIND.role)
          check(
            event.tags.some(([name]) => name === 'd'),
            'a role has no d tag',
          )
      }
    },
  },
  {
    id: 'J-02',
    level: 'M',
    claim: 'The same kinds by anybody else are refused',
    run: async (t) => {
      t.requireNip(43)
      const key = t.key()
      const client = await connectAs(t, key)
      for (const kind of [KIND.list, KIND.role, KIND.added, KIND.removed, KIND.invite]) {
        const tags = [['-'], ['d', 'x'], ['p', key.pubkey], ['member', key.pubkey]]
        const event = t.event(key, { kind, tags })
        await client.refuse(event, ['blocked', 'restricted', 'invalid'], `kind ${kind} by a client`)
        checkSame((await client.request({ ids: [event.id] })).events, [], `kind ${kind} stored`)
      }
    },
  },
  {
    id: 'J-03',
    level: 'M',
    claim: 'Whoever joins with a good code is welcome, may write at once, and is put on the list',
    needs: forMembers,
    run: async (t) => {
      const [reader, key] = [await membersOf(t), t.key()]
      const client = await connectAs(t, key)
      await client.refuse(t.event(key), ['restricted'], 'an event before joining')
      const { isAccepted, text } = await client.publish(joinRequest(t, key, await freshCode(t)))
      check(isAccepted, `the request to join was refused with "${text}"`)
      checkPrefix(text, ['info'], 'the answer to a request to join')
      await client.accept(t.event(key))
      await untilMember(reader, selfOf(t), key)
      const added = await reader.query({ kinds: [KIND.added], '#p': [key.pubkey] })
      t.note(added.length > 0 ? 'kind 8000 is published' : 'kind 8000 is not published')
    },
  },
  {
    id: 'J-04',
    level: 'S',
    claim: 'A code that is wrong, used up or expired is refused with "restricted:"',
    needs: forMembers,
    run: async (t) => {
      const [, code] = [await membersOf(t), await freshCode(t)]
      await join(t, t.key(), code)
      const codes = [randomHex(16), 'x', code]
      if (t.relay?.makeInvite !== undefined) {
        codes.push(await t.relay.makeInvite({ uses: 5, expiresInSeconds: 1 }))
        await sleep(2500)
      }
      for (const bad of codes) {
        const key = t.key()
        const client = await connectAs(t, key)
        await client.refuse(joinRequest(t, key, bad), ['restricted'], `the code ${bad}`)
        await client.refuse(t.event(key), ['restricted'], 'an event afterwards')
      }
    },
  },
  {
    id: 'J-05',
    level: 'D',
    claim: 'Whoever is a member already is answered true with "duplicate:", and no code is spent',
    needs: forMembers,
    run: async (t) => {
      const [, key] = [await membersOf(t), t.key()]
      await join(t, key)
      const client = await connectAs(t, key)
      const code = await freshCode(t)
      const { isAccepted, text } = await client.publish(joinRequest(t, key, code))
      check(isAccepted, `refused with "${text}"`)
      checkPrefix(text, ['duplicate'], 'a request to join by a member')
      await join(t, t.key(), code)
    },
  },
  {
    id: 'J-06',
    level: 'M',
    claim: 'A request without a code, or an hour off, is refused',
    needs: forMembers,
    run: async (t) => {
      const [, key, code] = [await membersOf(t), t.key(), await freshCode(t)]
      const client = await connectAs(t, key)
      const wrong: Record<string, WireEvent> = {
        'no claim tag': joinRequest(t, key, code, { tags: [['-']] }),
        'an empty claim': joinRequest(t, key, ''),
        'an hour old': joinRequest(t, key, code, { created_at: t.now() - 3600 }),
        'an hour ahead': joinRequest(t, key, code, { created_at: t.now() + 3600 }),
      }
      for (const [what, event] of Object.entries(wrong))
        await client.refuse(event, ['invalid', 'restricted'], what)
      await client.refuse(t.event(key), ['restricted'], 'an event afterwards')
      await client.accept(joinRequest(t, key, code))
    },
  },
  {
    id: 'J-07',
    level: 'D',
    claim:
      'On a closed relay a stranger can join; before AUTH as oneself the answer is "auth-required:", or it works',
    needs: forMembers,
    run: async (t) => {
      const [, key, code] = [await membersOf(t), t.key(), await freshCode(t)]
      const nobody = await t.connect({ auth: false })
      const { isAccepted, text } = await nobody.publish(joinRequest(t, key, code))
      t.note(isAccepted ? 'joining needs no AUTH' : text)
      if (isAccepted) return
      checkPrefix(text, ['auth-required'], 'a request to join before AUTH')
      const other = await connectAs(t, t.key())
      await other.refuse(joinRequest(t, key, code), ['restricted'], "somebody else's request to join")
      await join(t, key, code)
    },
  },
  {
    id: 'J-08',
    level: 'O',
    claim: 'Who may invite gets a fresh code by REQ for kind 28935; nobody else does, and none is stored',
    needs: forMembers,
    run: async (t) => {
      const nobody = await membersOf(t)
      const admin = await connectAs(t, adminOf(t))
      const [one, two] = [await invite(admin), await invite(admin)]
      for (const event of [one, two]) {
        checkSame(event.pubkey, selfOf(t), 'the author of an invite')
        check(
          event.tags.some(([name]) => name === '-'),
          'an invite has no "-" tag',
        )
      }
      check(claimOf(one) !== claimOf(two), 'the same code twice')
      const stranger = await connectAs(t, t.key())
      for (const client of [nobody, stranger]) {
        const { events, closed } = await client.request({ kinds: [KIND.invite] })
        checkSame(events, [], 'invites for a stranger')
        if (closed !== undefined) checkPrefix(closed, ['restricted', 'auth-required'], 'REQ for an invite')
      }
      checkSame((await admin.request({ ids: [one.id] })).events, [], 'invites stored')
    },
  },
  {
    id: 'J-09',
    level: 'M',
    claim: 'Whoever leaves, by a protected request of this minute, loses access and is taken off the list',
    needs: forMembers,
    run: async (t) => {
      const [reader, key] = [await membersOf(t), t.key()]
      await join(t, key)
      await untilMember(reader, selfOf(t), key)
      const client = await connectAs(t, key)
      for (const draft of [{ tags: [] }, { created_at: t.now() - 3600 }])
        await client.refuse(leaveRequest(t, key, draft), [], JSON.stringify(draft))
      await client.accept(t.event(key))
      await client.accept(leaveRequest(t, key))
      await client.refuse(t.event(key), ['restricted'], 'an event after leaving')
      await untilList(reader, selfOf(t), (list) => !isListed(list, key))
      const removed = await reader.query({ kinds: [KIND.removed], '#p': [key.pubkey] })
      t.note(removed.length > 0 ? 'kind 8001 is published' : 'kind 8001 is not published')
    },
  },
  {
    id: 'J-10',
    level: 'D',
    claim: 'Requests to join and to leave are neither stored nor sent to subscribers',
    needs: forMembers,
    run: async (t) => {
      const [spy, key] = [await membersOf(t), t.key()]
      const live = await spy.subscribe('spy', { authors: [key.pubkey] })
      const [joining, leaving] = [joinRequest(t, key, await freshCode(t)), leaveRequest(t, key)]
      const client = await connectAs(t, key)
      const note = t.event(key)
      await client.accept(joining, note, leaving)
      await live.expectEvent(note)
      await spy.silence('only the note comes', (m) => isEventFrame(m, 'spy'))
      checkSame(await spy.query({ ids: [joining.id, leaving.id] }), [], 'requests stored')
    },
  },
  {
    id: 'J-11',
    level: 'S',
    claim: 'A relay that publishes a list of members lists NIP-43',
    run: async (t) => {
      const self = t.info.document?.self
      if (typeof self !== 'string') skip('the document has no self')
      const client = await t.connect()
      const { events } = await client.request({ kinds: [KIND.list], authors: [self], limit: 1 })
      if (events.length === 0) return t.requireNip(43)
      check(t.info.nips.has(43), 'kind 13534 is served, and NIP-43 is not listed')
    },
  },
  {
    id: 'J-12',
    level: 'O',
    claim: 'Of two who claim the last use of a code at once exactly one wins',
    needs: forMembers,
    timeoutMs: 40_000,
    run: async (t) => {
      await membersOf(t)
      checkSame(await race(t, await freshCode(t), 4), 1, 'members by a code for one')
      if (t.relay?.makeInvite === undefined) return t.note('codes for more than one were not tried')
      checkSame(await race(t, await t.relay.makeInvite({ uses: 3 }), 5), 3, 'members by a code for three')
    },
  },
]

/** An anonymous connection to a relay that has NIP-43. */
async function membersOf(t: Trial): Promise<Client> {
  t.requireNip(43)
  return t.connect({ auth: t.info.isAuthRequired ? adminOf(t) : false })
}

function selfOf(t: Trial): string {
  const self = t.info.document?.self
  return typeof self === 'string' ? self : fail('the document has no self, which NIP-43 needs')
}

function joinRequest(t: Trial, key: Key, claim: string, draft: Partial<Draft> = {}): WireEvent {
  return t.event(key, { kind: KIND.join, content: '', tags: [['-'], ['claim', claim]], ...draft })
}

function leaveRequest(t: Trial, key: Key, draft: Partial<Draft> = {}): WireEvent {
  return t.event(key, { kind: KIND.leave, content: '', tags: [['-']], ...draft })
}

/** Asks for an invite on a connection that may have one. */
async function invite(client: Client): Promise<WireEvent> {
  const [event, ...others] = await client.query({ kinds: [KIND.invite] })
  check(event !== undefined && others.length === 0, `expected one invite, got ${others.length}`)
  checkSame(event.kind, KIND.invite, 'kind')
  return event
}

function claimOf({ tags }: WireEvent): string {
  return tags.find(([name]) => name === 'claim')?.[1] ?? fail('an invite has no claim tag')
}

async function freshCode(t: Trial): Promise<string> {
  const admin = await connectAs(t, adminOf(t))
  const code = claimOf(await invite(admin))
  await admin.close()
  return code
}

/** Makes `key` a member, on a connection of its own. */
async function join(t: Trial, key: Key, code?: string): Promise<void> {
  const claim = code ?? (await freshCode(t))
  const client = await connectAs(t, key)
  await client.accept(joinRequest(t, key, claim))
  await client.close()
}

/** How many of `claimants` become members by the same code, all at once. */
async function race(t: Trial, code: string, claimants: number): Promise<number> {
  const keys = Array.from({ length: claimants }, () => t.key())
  const clients = await Promise.all(keys.map(async (key) => ({ key, client: await connectAs(t, key) })))
  const requests = clients.map(({ key, client }) => client.publish(joinRequest(t, key, code)))
  const answers = await Promise.all(requests)
  for (const { isAccepted, text } of answers)
    if (!isAccepted) checkPrefix(text, ['restricted'], 'who came too late')
  return answers.filter(({ isAccepted }) => isAccepted).length
}

function isListed({ tags }: WireEvent, { pubkey }: Key): boolean {
  return tags.some(([name, member]) => name === 'member' && member === pubkey)
}

function untilMember(client: Client, self: string, key: Key): Promise<WireEvent> {
  return untilList(client, self, (list) => isListed(list, key))
}

async function untilList(
  client: Client,
  self: string,
  holds: (list: WireEvent) => boolean,
): Promise<WireEvent> {
  const deadline = Date.now() + PUBLISH_MS
  for (;;) {
    const [list] = await client.query({ kinds: [KIND.list], authors: [self] })
    if (list !== undefined && holds(list)) return list
    check(Date.now() < deadline, `kind 13534 does not follow: ${JSON.stringify(list?.tags)}`)
    await sleep(200)
  }
}
