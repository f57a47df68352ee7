import { expect, test } from 'vitest'
import { defaultConfig } from '../config/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { systemClock } from '../kernel/index.ts'
import { KINDS, type NostrEvent } from '../nostr/index.ts'
import { createSignatureVerifier } from '../platform/index.ts'
import { AccessLists, createWritePolicies, EMPTY_ACCESS_LISTS } from '../relay/index.ts'
import { createIntake, type IntakeDeps, type IntakeSource } from './intake.ts'
import { AUTHOR, signedEvent } from './testing/index.ts'

const OUR_URL = 'wss://ours.example'
const MIRROR: IntakeSource = { origin: 'mirror', peer: 'other.example', takesProtected: false }

async function setUp(deps: Partial<IntakeDeps> = {}) {
  const store = createMemoryStore()
  const verifier = await createSignatureVerifier('auto')
  const published: NostrEvent[] = []
  const intake = createIntake({
    store,
    clock: systemClock,
    verifyBatch: (events) => events.map(({ id, pubkey, sig }) => verifier.verify(id, pubkey, sig)),
    publish: (event) => published.push(event),
    self: '',
    relayUrls: [OUR_URL],
    ...deps,
  })
  const take = async (events: readonly NostrEvent[], source = MIRROR) =>
    (await intake.take(events, source)).map(({ status }) => status)
  return { store, intake, take, published }
}

function realPolicies() {
  return createWritePolicies(defaultConfig().relay, {
    lists: AccessLists.fromJSON(EMPTY_ACCESS_LISTS),
    store: createMemoryStore(),
    clock: systemClock,
    notify: () => undefined,
  })
}

test('what is stored is published once, and nothing else is', async () => {
  const { take, published } = await setUp()
  const [note, forged] = [signedEvent(), { ...signedEvent({ content: 'a' }), sig: signedEvent().sig }]
  expect(await take([note, forged, note])).toEqual(['stored', 'forged', 'known'])
  expect(await take([note])).toEqual(['known'])
  expect(published).toEqual([note])
})

test('what a relay does for itself, and what is not kept, is brought by nobody else', async () => {
  const { take, store } = await setUp()
  const kinds = [KINDS.MEMBERSHIP_LIST, KINDS.MEMBER_ADDED, KINDS.JOIN_REQUEST, 20_001]
  const events = kinds.map((kind) => signedEvent({ kind }))
  expect(await take(events)).toEqual(['refused', 'refused', 'refused', 'refused'])
  expect(store.stats().events).toBe(0)
  const own = await setUp({ self: AUTHOR })
  expect(await own.take(events.slice(0, 1))).toEqual(['stored'])
})

test.each([
  ['ALL_RELAYS', 'stored'],
  [OUR_URL, 'stored'],
  ['wss://elsewhere.example', 'refused'],
])('a request to vanish from %s is %s', async (relay, status) => {
  const { take } = await setUp()
  expect(await take([signedEvent({ kind: KINDS.VANISH, tags: [['relay', relay]] })])).toEqual([status])
})

test('the rules of the relay let a protected event in only from a relay that is vouched for', async () => {
  const { take } = await setUp({ policies: realPolicies() })
  const event = signedEvent({ tags: [['-']] })
  expect(await take([event])).toEqual(['refused'])
  expect(await take([event], { ...MIRROR, takesProtected: true })).toEqual(['stored'])
})

test('the rules of the relay apply: a note from the far future is refused', async () => {
  const { take } = await setUp({ policies: realPolicies() })
  expect(await take([signedEvent({ created_at: systemClock.nowSeconds() + 86_400 })])).toEqual(['refused'])
})

test('what a rule wants a moderator to see is handed on and not stored', async () => {
  const held: string[] = []
  const { intake, store } = await setUp({
    policies: { judgeEarly: () => undefined, judgeLate: async () => ({ do: 'hold', why: 'a first post' }) },
    hold: async ({ id }) => {
      held.push(id)
      return { isAccepted: true, text: '' }
    },
  })
  const event = signedEvent()
  expect(await intake.take([event], MIRROR)).toEqual([
    { status: 'refused', text: 'blocked: waits for a moderator' },
  ])
  expect(held).toEqual([event.id])
  expect(store.stats().events).toBe(0)
})
