/**
 * The program that tests kill: opens moderation on the database at the first argument, with its files in the folder of
 * the second, and does what the third says. It prints a line when it has come to where it is to be killed, and waits.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pino } from 'pino'
import { openLogStore } from '../../events/log/index.ts'
import { createManualClock } from '../../kernel/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import { createMemoryBus } from '../../platform/bus/index.ts'
import { openDatabase } from '../../platform/database/index.ts'
import { loadSnapshot } from '../access/snapshot.ts'
import { openModeration } from '../moderation.ts'
import { START_MS, TEST_SETTINGS } from './rig.ts'

const [url = '', folder = '', what = '', subject = ''] = process.argv.slice(2)
const by = { actor: 'cli', role: 'cli' }
const logger = pino({ level: 'silent' })
const database = await openDatabase({
  url,
  dataDir: '',
  logger,
  poolSize: 4,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
})
const store = await openLogStore({ folder: join(folder, 'events') })
const accessFile = join(folder, 'access.json')
const clock = createManualClock(START_MS)
const forEver = new Promise<never>(() => {})

const moderation = openModeration({
  database: () => database,
  accessFile,
  snapshot: await loadSnapshot(accessFile),
  relay: { obey: () => 0 },
  bus: createMemoryBus(),
  store,
  publish: async (event: NostrEvent) => {
    if (what === 'approve-after-put') await store.put([Buffer.from(encodeEvent(event))], clock.nowSeconds())
    process.stdout.write('publishing\n')
    return forEver
  },
  configuredLevels: () => ({ members: [], trusted: [] }),
  settings: TEST_SETTINGS,
  clock,
  logger,
})
await moderation.refresh()

if (what === 'ban') {
  // Writing the snapshot begins with opening its draft: on a pipe that nobody reads, that never ends.
  execFileSync('mkfifo', [`${accessFile}.${process.pid}.tmp`])
  const timer = setInterval(() => {
    // Its decision is read from the database, so that it is committed when this line comes out.
    void moderation.entries('banned-pubkey').then((listed) => {
      if (!listed.ok || listed.value.length === 0) return
      clearInterval(timer)
      process.stdout.write('committed\n')
    })
  }, 10)
  await moderation.change([{ do: 'ban-pubkey', pubkey: subject, reason: 'spam' }], { by })
} else process.stdout.write(`${JSON.stringify(await moderation.held.approve(subject, by))}\n`)
