/**
 * The process that `crash.test.ts` kills: it answers a join request, and says so on standard output. Its relay prints
 * each event and then never answers, so that it hangs between the event and the row that says it is still to be made.
 */
import { pino } from 'pino'
import { createAuditLog } from '../../audit/index.ts'
import { systemClock } from '../../kernel/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import { createMemoryBus } from '../../platform/bus/index.ts'
import { openDatabase } from '../../platform/database/index.ts'
import { createMembership } from '../membership/membership.ts'
import { createLevels } from '../standing/levels.ts'
import { testKey } from './test-key.ts'
import { SETTINGS } from './test-people.ts'

const [url = '', relaySecret = '', requestJson = '', publishes = ''] = process.argv.slice(2)
const logger = pino({ level: 'silent' })
const clock = systemClock
const connection = { poolSize: 4, statementTimeoutMs: 20_000, connectTimeoutMs: 5_000 }
const { db } = await openDatabase({ url, dataDir: '', logger, ...connection })
const say = (line: string) => process.stdout.write(`${line}\n`)
const never = new Promise<never>(() => {})

const membership = createMembership({
  db,
  clock,
  logger,
  relaySigner: testKey(Buffer.from(relaySecret, 'hex')),
  audit: createAuditLog({ db, clock }),
  levels: createLevels({ db, clock, bus: createMemoryBus(), onLevels: () => {}, logger }),
  settings: () => SETTINGS,
  publish: (event) => {
    if (publishes === 'yes') say(`published ${JSON.stringify(event)}`)
    return never
  },
  find: async () => [],
})
await membership.start()
const request: NostrEvent = JSON.parse(requestJson)
const answer = await membership.answer(request)
say(`answered ${answer.text}`)
setInterval(() => {}, 60_000)
