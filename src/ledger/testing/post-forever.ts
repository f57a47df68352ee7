/**
 * The program that `crash.test.ts` kills: posts, reserves and commits by a plan that its name determines, several at a
 * time, and prints the keys that were acknowledged.
 */
import { pino } from 'pino'
import { systemClock } from '../../kernel/index.ts'
import { createMemoryBus } from '../../platform/bus/index.ts'
import { openDatabase } from '../../platform/database/index.ts'
import { createLedger, type LedgerService } from '../index.ts'
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
const ledger: LedgerService = createLedger({ db, bus: createMemoryBus(), clock: systemClock, logger })
const plan = planOf(name, Number(steps))
await Promise.all(
  Array.from({ length: AT_ONCE }, (_, lane) => walk(plan.filter((_step, n) => n % AT_ONCE === lane))),
)
process.stdout.write('done\n')
process.exit()

async function walk(mine: readonly PlannedStep[]): Promise<void> {
  for (const step of mine) {
    await takeStep(ledger, step)
    process.stdout.write(`${step.transfer.key}\n`)
  }
}
