/** All of accounts over a real database, a real event store, and a bus of one process. */
import { pino } from 'pino'
import { createAuditLog } from '../../audit/index.ts'
import { createMemoryStore } from '../../events/memory/index.ts'
import { drain } from '../../events/testing/index.ts'
import { type Clock, createManualClock, type ManualClock } from '../../kernel/index.ts'
import {
  createHttpAuth,
  encodeEvent,
  encodeHttpAuth,
  type Filter,
  type NostrEvent,
  readHttpAuth,
  type UnverifiedHttpAuth,
} from '../../nostr/index.ts'
import { type Bus, createMemoryBus } from '../../platform/bus/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { createSignatureVerifier } from '../../platform/index.ts'
import type { MailJob } from '../mail/mail-queue.ts'
import type { Mail, Mailer } from '../mail/mailer.ts'
import { openPeople, type People, type PeopleDeps } from '../open-people.ts'
import type { LevelChange } from '../standing/level-of.ts'
import { type TestKey, testKey } from './test-key.ts'

export const NOW_SECONDS = 1_800_000_000
export const CLI = { actor: 'cli', role: 'cli' } as const
export const SETTINGS: ReturnType<PeopleDeps['settings']> = {
  signUp: 'open',
  accessTokenMinutes: 10,
  sessionDays: 30,
  confirmHours: 24,
  resetMinutes: 60,
  webUrl: 'https://stoa.example',
  invitesBy: 'members',
  inviteDays: 7,
  maxMembers: 100,
  announceMembers: true,
}

const verifier = await createSignatureVerifier('wasm')

/** What the relay of a test was told and given. */
export interface TestRelay {
  readonly key: TestKey
  readonly publish: PeopleDeps['publish']
  /** All events in its store that match. */
  find(filter: Filter): Promise<readonly NostrEvent[]>
  /** What `publish` was called with, in order. */
  readonly published: NostrEvent[]
}

export function testRelay(key: TestKey = testKey()): TestRelay {
  const store = createMemoryStore()
  const published: NostrEvent[] = []
  return {
    key,
    published,
    async publish(event) {
      published.push(event)
      const [outcome] = await store.put([Buffer.from(encodeEvent(event))], NOW_SECONDS)
      const isAccepted = outcome?.status === 'stored' || outcome?.status === 'duplicate'
      return { isAccepted, text: outcome?.status ?? 'nothing' }
    },
    async find(filter) {
      const texts = await drain(store.query([filter], NOW_SECONDS), [100])
      return texts.map((text): NostrEvent => JSON.parse(text))
    },
  }
}

export interface TestPeople extends People {
  readonly clock: ManualClock
  readonly relay: TestRelay
  /** All level changes so far. */
  readonly told: LevelChange[]
  readonly mails: Mail[]
  /** The code in the last mail to this address. */
  tokenFor(address: string): string
  /** A NIP-98 event for some request, as the HTTP layer hands it over. */
  httpAuth(key: TestKey): Promise<UnverifiedHttpAuth>
}

export interface TestPeopleOptions {
  readonly settings?: Partial<typeof SETTINGS>
  readonly relay?: TestRelay
  readonly bus?: Bus
  readonly clock?: ManualClock
  readonly deps?: Partial<PeopleDeps>
}

export function testPeople(
  database: Database,
  {
    settings = {},
    relay = testRelay(),
    clock = createManualClock(NOW_SECONDS * 1000),
    bus = createMemoryBus(clock),
    deps = {},
  }: TestPeopleOptions = {},
): TestPeople {
  const { db } = database
  const told: LevelChange[] = []
  const mails: Mail[] = []
  const jobs: MailJob[] = []
  const people = openPeople({
    db,
    clock,
    bus,
    audit: createAuditLog({ db, clock }),
    mailer: rememberingMailer(mails),
    enqueueMail: async (_tx, job) => void jobs.push(job),
    verifier,
    claimOnce: claimOn(bus, clock),
    relaySigner: relay.key,
    publish: relay.publish,
    find: relay.find,
    onLevels: (changes) => void told.push(...changes),
    settings: () => ({ ...SETTINGS, ...settings }),
    logger: pino({ level: 'silent' }),
    ...deps,
  })
  return {
    ...people,
    accounts: {
      ...people.accounts,
      settled: async () => {
        await people.accounts.settled()
        for (const job of jobs.splice(0)) await people.accounts.sendMail(job, async () => {})
      },
    },
    clock,
    relay,
    told,
    mails,
    tokenFor(address) {
      const mail = mails.findLast(({ to }) => to === address)
      const [, token] = /token=(\S+)/.exec(mail?.text ?? '') ?? []
      if (token === undefined) throw new Error(`The last mail to ${address} holds no code.`)
      return token
    },
    httpAuth: (key) => signedHttpAuth(key, clock),
  }
}

function rememberingMailer(mails: Mail[]): Mailer {
  return {
    send: async (mail) => {
      mails.push(mail)
    },
    close: () => {},
  }
}

/** As the composition root does it: over the bus, so for all processes. */
function claimOn(bus: Bus, clock: Clock): PeopleDeps['claimOnce'] {
  return async (id, untilSeconds) => {
    const ttlMs = Math.max(1, untilSeconds - clock.nowSeconds()) * 1000
    const claimed = await bus.setIfAbsent(`used:${id}`, '1', { ttlMs })
    return claimed.ok && claimed.value
  }
}

async function signedHttpAuth(key: TestKey, clock: Clock): Promise<UnverifiedHttpAuth> {
  const request = {
    method: 'POST',
    url: 'https://stoa.example/api/auth/nostr',
    nowSeconds: clock.nowSeconds(),
  }
  const header = encodeHttpAuth(await key.sign(createHttpAuth(request)))
  const auth = readHttpAuth(header, { ...request, urls: [request.url] })
  if (!auth.ok) throw new Error(auth.refusal)
  return auth.value
}

/** The value of an outcome that a test takes for granted. */
export function granted<T>(outcome: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (outcome.ok) return outcome.value
  throw new Error(`It was refused: ${JSON.stringify(outcome)}`)
}
