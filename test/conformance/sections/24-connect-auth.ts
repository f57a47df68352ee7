import { authenticate, protectedEvent } from '../kit/auth.ts'
import type { Client } from '../kit/client.ts'
import type { Draft, WireEvent } from '../kit/event.ts'
import { freshKey, type Key } from '../kit/keys.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { signEvent, signId } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip, sleep } from '../kit/verdict.ts'

/** The close code of a relay that refuses after the upgrade. */
const REFUSED = 3403

/** A key that is a member (level 2); the suite chooses it before the relay starts. */
const member = freshKey()

export const rows: readonly Row[] = [
  {
    id: 'L-01',
    level: 'O',
    claim: 'A signed event in the URL authenticates the connection, without any challenge',
    run: async (t) => {
      const [inside, key] = [await trialWith(t), t.key()]
      const client = await connected(inside, proof(inside, key))
      await client.accept(protectedEvent(inside, key))
      await client.refuse(protectedEvent(inside, t.key()), ['restricted'], "somebody else's protected event")
      const nobody = await inside.connect({ auth: false })
      await nobody.refuse(protectedEvent(inside, key), ['auth-required'], 'a protected event before AUTH')
    },
  },
  {
    id: 'L-02',
    level: 'O',
    claim: 'An event that is wrong in one point is refused with 401 before the upgrade, or closed with 3403',
    run: async (t) => {
      const [inside, key] = [await trialWith(t), t.key()]
      for (const [what, value] of Object.entries(brokenProofs(inside, key)))
        await checkRefused(inside, value, what)
      await connected(inside, proof(inside, key))
    },
  },
  {
    id: 'L-03',
    level: 'O',
    claim: 'Each event is good for one connection',
    run: async (t) => {
      const [inside, key] = [await trialWith(t), t.key()]
      const event = proof(inside, key)
      const first = await connected(inside, event)
      await checkRefused(inside, JSON.stringify(event), 'the same event again')
      const isAlive = first.ended === undefined
      t.note(isAlive ? 'the first connection lives on' : 'the first connection is closed as well')
    },
  },
  {
    id: 'L-04',
    level: 'O',
    claim: 'Where it is required, a connection without it is refused',
    run: async (t) => {
      const inside = await t.on(await t.start({ authAtConnect: 'required' }))
      await checkRefused(inside, undefined, 'no event at all')
      await checkRefused(inside, '', 'an empty one')
      const key = t.key()
      const client = await connected(inside, proof(inside, key))
      await client.accept(inside.event(key))
    },
  },
  {
    id: 'L-05',
    level: 'O',
    claim: 'The event is written into no log',
    run: async (t) => {
      const relay = await t.start({ authAtConnect: 'optional' })
      if (relay.output === undefined) skip('the control cannot read what the relay logs')
      const inside = await t.on(relay)
      const [good, stale] = [t.key(), t.key()].map((key) => proof(inside, key))
      check(good !== undefined && stale !== undefined, 'two events')
      await connected(inside, good)
      const old = proof(inside, t.key(), { created_at: t.now() - 3600 })
      await checkRefused(inside, JSON.stringify(old), 'a stale event')
      await sleep(t.options.quietMs)
      const logged = relay.output()
      check(logged.length > 0, 'the relay has written nothing at all')
      for (const { id, sig } of [good, old])
        for (const part of [sig, id]) check(!logged.includes(part), 'an event stands in the log')
    },
  },
  {
    id: 'L-06',
    level: 'O',
    claim: 'AUTH with another key afterwards adds that key',
    run: async (t) => {
      const [inside, one, two] = [await trialWith(t), t.key(), t.key()]
      const client = await connected(inside, proof(inside, one))
      await authenticate(inside, client, two)
      await client.accept(protectedEvent(inside, one), protectedEvent(inside, two))
    },
  },
  {
    id: 'L-07',
    level: 'O',
    claim:
      'Levels: who is nobody gets "auth-required:", who is too little "restricted:"; listed kinds are exempt',
    run: async (t) => {
      const minimumLevels = { read: 1, write: 2, count: 2 }
      const settings = { authAtConnect: 'optional', minimumLevels, memberPubkeys: [member.pubkey] } as const
      const inside = await t.on(await t.start(settings))
      const [nobody, key] = [await inside.connect({ auth: false }), t.key()]
      const stranger = await connected(inside, proof(inside, key))
      const trusted = await connected(inside, proof(inside, member))
      await nobody.refuse(inside.event(key), ['auth-required'], 'EVENT by nobody')
      await nobody.refuseRequest([{ kinds: [1] }], ['auth-required'], 'REQ by nobody')
      await checkCount(nobody, 'auth-required')
      await stranger.refuse(inside.event(key), ['restricted'], 'EVENT by a stranger')
      await stranger.query({ kinds: [1] })
      await checkCount(stranger, 'restricted')
      await trusted.accept(inside.event(member))
      checkSame(await trusted.count({ kinds: [1] }), 1, 'COUNT by a member')
      await nobody.accept(inside.event(t.key(), { kind: 10002, content: '' }))
      checkSame((await nobody.query({ kinds: [10002] })).length, 1, 'relay lists shown to nobody')
    },
  },
]

/** The relay under test when it reads the URL, which it shows by refusing nonsense there; else one started for the row. */
async function trialWith(t: Trial): Promise<Trial> {
  const probe = await outcomeOf(t, 'nonsense')
  if (typeof probe !== 'object') return t
  await probe.close()
  return t.on(await t.start({ authAtConnect: 'optional' }))
}

/** The event as the URL carries it: a relay, no challenge. Exempt from proof of work, like AUTH. */
function proof(t: Trial, key: Key, draft: Partial<Draft> = {}): WireEvent {
  const tags = [['relay', t.relayUrl]]
  return signEvent(key, { kind: 22242, created_at: t.now(), tags, content: '', ...draft })
}

function addressWith(t: Trial, value: string | undefined): string {
  const url = new URL(t.url)
  if (value !== undefined) url.searchParams.set('authorization', value)
  return url.href
}

async function connected(t: Trial, event: WireEvent): Promise<Client> {
  const client = await t.connect({ url: addressWith(t, JSON.stringify(event)), auth: false })
  await client.until(() => client.ended !== undefined, Math.min(300, t.options.quietMs))
  check(client.ended === undefined, `the connection was closed with ${client.ended?.code}`)
  return client
}

/** The connection when it is taken, or the status or close code that it is refused with. */
async function outcomeOf(t: Trial, value: string | undefined): Promise<Client | number> {
  try {
    const client = await t.connect({ url: addressWith(t, value), auth: false })
    await client.until(() => client.ended !== undefined, Math.min(300, t.options.quietMs))
    return client.ended?.code ?? client
  } catch (error) {
    const status = /Unexpected server response: (\d{3})/.exec(String(error))?.[1]
    if (status === undefined) throw error
    return Number(status)
  }
}

async function checkRefused(t: Trial, value: string | undefined, what: string): Promise<void> {
  const outcome = await outcomeOf(t, value)
  check(typeof outcome === 'number', `${what}: the connection was taken`)
  check(outcome === 401 || outcome === REFUSED, `${what}: refused with ${outcome}`)
}

function brokenProofs(t: Trial, key: Key): Record<string, string> {
  const broken = (draft: Partial<Draft>) => JSON.stringify(proof(t, key, draft))
  const good = proof(t, key)
  return {
    'a signature by another key': JSON.stringify({ ...good, sig: signId(t.key(), good.id) }),
    'an id that is no hash of it': JSON.stringify({ ...good, content: 'changed' }),
    'another kind': broken({ kind: 1 }),
    'the relay of another host': broken({ tags: [['relay', 'wss://relay.elsewhere.example']] }),
    'no relay tag': broken({ tags: [] }),
    'an hour old': broken({ created_at: t.now() - 3600 }),
    'an hour ahead': broken({ created_at: t.now() + 3600 }),
    'no JSON': 'nonsense',
    'no event': '{}',
  }
}

async function checkCount(client: Client, prefix: string): Promise<void> {
  const result = await client.countResult({ kinds: [1] })
  if (typeof result === 'string') checkPrefix(result, [prefix], 'COUNT')
  else check(false, `COUNT was answered ${result.count}`)
}
