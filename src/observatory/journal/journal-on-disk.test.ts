import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../../platform/index.ts'
import { journalOnDisk, openJournal } from './index.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-journal-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('what a journal has on disk is told without opening it, and where there is none it is nothing', async () => {
  expect(await journalOnDisk(join(folder, 'none'))).toBe(0)
  const logger = createLogger({ level: 'silent', format: 'json' })
  const journal = await openJournal({ folder, maxBytes: 1_000_000, logger })
  await journal.append(Buffer.alloc(1_000))
  writeFileSync(join(folder, 'something-else'), 'x'.repeat(50))
  expect(await journalOnDisk(folder)).toBe(journal.bytes)
  await journal.oldest()
  await journal.removeOldest()
  await journal.close()
  expect(await journalOnDisk(folder)).toBeLessThan(1_000)
})
