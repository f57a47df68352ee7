/**
 * The process that `crash.test.ts` kills: it intends and fulfils packets from number `first` on, many at a time, and says
 * on standard output which intents and which fulfilments the books have acknowledged.
 */
import { pino } from 'pino'
import { openDatabase } from '../../../platform/database/index.ts'
import { fulfillmentOf, testBooks, testPacket } from './test-books.ts'

const [url = '', first = '0'] = process.argv.slice(2)
const SIDE_BY_SIDE = 40
const logger = pino({ level: 'silent' })
const connection = { poolSize: 4, statementTimeoutMs: 20_000, connectTimeoutMs: 5_000 }
const { books } = await testBooks(await openDatabase({ url, dataDir: '', logger, ...connection }))
let next = Number(first)

async function onePacketAfterTheOther(): Promise<never> {
  for (;;) {
    const number = next++
    const intent = testPacket(number)
    await books.intend(intent)
    process.stdout.write(`intended ${number} ${intent.incomingExpiresAtMs}\n`)
    // Every third one is never answered.
    if (number % 3 === 0) continue
    await books.fulfil(intent, fulfillmentOf(number))
    process.stdout.write(`fulfilled ${number} ${intent.incomingExpiresAtMs}\n`)
  }
}

await Promise.all(Array.from({ length: SIDE_BY_SIDE }, onePacketAfterTheOther))
