/**
 * The program that `crash.test.ts` kills: posts, reserves and commits by a plan that its name determines, several at a
 * time, and prints the keys that were acknowledged, and a dash for each step that came to nothing.
 */
import { pino } from 'pino'
import { createMemoryBus } from '../../platform/bus/index.ts'
import { openDatabase } from '../../platform/database/index.ts'
import { createLedger, type LedgerService } from '../index.ts'
import { testClock } from './index.ts'
import { type PlannedStep, planOf, takeStep } from './plan.ts'

const AT_ONCE = 20

const [url = '', name = '', steps = '0'] = process.argv.slice(2)
const logger = pino({ level: 'silent' })
const { db } = await openDatabase({
  url,
  dataDir: '',
  logger,
  poolSize: 2,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
})
const clock = testClock()
const ledger: LedgerService = createLedger({ db, bus: createMemoryBus(), clock, logger })
const plan = planOf(name, Number(steps))
await Promise.all(
  Array.from({ length: AT_ONCE }, (_, lane) => walk(plan.filter((_step, n) => n % AT_ONCE === lane))),
)
process.stdout.write('done\n')
process.exit()

async function walk(mine: readonly PlannedStep[]): Promise<void> {
  for (const step of mine) {
    const isPosted = await takeStep(ledger, step)
    clock.advanceSeconds(1)
    process.stdout.write(isPosted ? `${step.transfer.key}\n` : '-\n')
  }
}
