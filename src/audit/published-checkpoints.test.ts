import { randomBytes } from 'node:crypto'
import { schnorr } from '@noble/curves/secp256k1.js'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMemoryStore } from '../events/memory/index.ts'
import { drain } from '../events/testing/index.ts'
import { createManualClock, type ManualClock } from '../kernel/index.ts'
import { encodeEvent, type Filter, type NostrEvent, parseEvent } from '../nostr/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import {
  type AuditLog,
  type CheckpointDeps,
  createAuditLog,
  publishCheckpoint,
  publishedCheckpoints,
  verifyAuditChain,
} from './index.ts'

const secretKey = randomBytes(32)

let database: Database
let audit: AuditLog
let clock: ManualClock
let deps: CheckpointDeps

beforeEach(async () => {
  database = await testDatabase()
  clock = createManualClock(Date.parse('2026-11-21T00:05:00Z'))
  audit = createAuditLog({ db: database.db, clock })
  const store = createMemoryStore()
  deps = {
    head: () => audit.head(),
    clock,
    signer: {
      publicKey: Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex'),
      signSchnorr: (hash) => schnorr.sign(hash, secretKey),
    },
    publish: async (event) => {
      const [outcome] = await store.put([Buffer.from(encodeEvent(event))], clock.nowSeconds())
      return { isAccepted: outcome?.status === 'stored', text: outcome?.status ?? 'nothing' }
    },
    find: async (filter: Filter) =>
      (await drain(store.query([filter], clock.nowSeconds()), [100])).map(
        (text): NostrEvent => JSON.parse(text),
      ),
  }
})
afterEach(() => database.close())

const stored = () => deps.find({ kinds: [30_078] })
const checkpoints = () => publishedCheckpoints({ find: deps.find, author: deps.signer.publicKey })

async function note(action: string): Promise<void> {
  const record = { actor: 'cli', role: 'cli', action, subject: 'all' }
  await database.db.transaction().execute(async (tx) => void (await audit.record(tx, record)))
}

test('an empty log has nothing to say; one with rows says its newest, once a day, under that day', async () => {
  expect(await publishCheckpoint(deps)).toBeUndefined()
  await note('first')
  const said = await publishCheckpoint(deps)
  expect(said).toEqual({ ...(await audit.head()), atSeconds: clock.nowSeconds() })
  await publishCheckpoint(deps)
  const [event, ...others] = await stored()
  expect(others).toEqual([])
  expect(event?.tags).toEqual([['d', 'stoa/audit-checkpoint/2026-11-21']])
  expect(parseEvent(event)).toMatchObject({ ok: true })

  await note('second')
  await publishCheckpoint(deps)
  clock.advanceSeconds(86_400)
  await publishCheckpoint(deps)
  expect((await checkpoints()).map(({ number }) => number)).toEqual([2, 2])
})

test('a relay that does not take it is a failure that is tried again', async () => {
  await note('first')
  const refusing = { ...deps, publish: async () => ({ isAccepted: false, text: 'failed' }) }
  await expect(publishCheckpoint(refusing)).rejects.toMatchObject({ code: 'AUDIT_CHECKPOINT_REFUSED' })
  expect(await publishCheckpoint(deps)).toMatchObject({ number: 1 })
})

test('a log that was cut off, which is whole by itself, is found by what was published', async () => {
  await note('first')
  await note('second')
  await publishCheckpoint(deps)
  expect(await verifyAuditChain(database.db, await checkpoints())).toMatchObject({ ok: true })
  await sql`ALTER TABLE audit_entries DISABLE TRIGGER USER`.execute(database.db)
  await sql`DELETE FROM audit_entries WHERE number = 2`.execute(database.db)
  expect(await verifyAuditChain(database.db)).toMatchObject({ ok: true })
  expect(await verifyAuditChain(database.db, await checkpoints())).toMatchObject({ ok: false })
})

test('what only looks like a checkpoint is none', async () => {
  await note('first')
  await publishCheckpoint({ ...deps, head: async () => ({ number: 7, hash: 'no hash' }) })
  expect(await stored()).toHaveLength(1)
  expect(await checkpoints()).toEqual([])
})
