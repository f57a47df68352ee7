/**
 * Writes numbered records into a journal and delivers them to a file, until it is killed: `journal-forever.ts <folder>
 * <delivered file> <first number>`. Says each number when the journal has promised it.
 */
import { open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { openJournal } from '../journal.ts'

const [folder = '', deliveredPath = '', first = '0'] = process.argv.slice(2)
const journal = await openJournal({ folder, maxBytes: 4_096, logger: pino({ level: 'silent' }) })
const delivered = await open(deliveredPath, 'a')

async function write(): Promise<never> {
  for (let number = Number(first); ; ) {
    if (await journal.append(Buffer.from(`${number}`))) process.stdout.write(`${number++}\n`)
    else await setImmediate()
  }
}

async function deliver(): Promise<never> {
  for (;;) {
    const bytes = await journal.oldest()
    if (bytes === undefined) {
      await setImmediate()
      continue
    }
    await delivered.write(`${bytes.toString()}\n`)
    await journal.removeOldest()
  }
}

await Promise.all([write(), deliver()])
