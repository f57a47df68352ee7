import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openJournal } from './journal.ts'
import { drained, SILENT, testFolder, testJournal } from './testing/index.ts'

const record = (text: string | number) => Buffer.from(`${text}`)
const filesOf = async (folder: string) => (await readdir(folder)).toSorted()

test('records come back in their order and leave nothing on disk', async () => {
  const folder = await testFolder()
  const journal = await testJournal(folder)
  expect([journal.isEmpty, journal.bytes]).toEqual([true, 0])
  for (const text of ['a', '', 'c']) expect(await journal.append(record(text))).toBe(true)
  expect(journal.isEmpty).toBe(false)
  expect(await journal.oldest()).toEqual(record('a'))
  expect(await journal.oldest()).toEqual(record('a'))
  expect(await drained(journal)).toEqual(['a', '', 'c'])
  expect([journal.isEmpty, journal.bytes]).toEqual([true, 0])
  expect(await filesOf(folder)).toEqual([])
  await journal.append(record('d'))
  expect(await drained(journal)).toEqual(['d'])
})

test('what was not removed is there after a restart, before what comes then', async () => {
  const folder = await testFolder()
  const before = await testJournal(folder, 800)
  for (let n = 0; n < 20; n++) expect(await before.append(record(`record ${n}`))).toBe(true)
  expect((await filesOf(folder)).length).toBeGreaterThan(2)
  for (let n = 0; n < 10; n++) {
    await before.oldest()
    await before.removeOldest()
  }
  await before.close()
  const after = await testJournal(folder)
  await after.append(record('new'))
  const found = await drained(after)
  // Of a file that was removed in part everything comes again.
  expect(found.slice(-11)).toEqual([...Array.from({ length: 10 }, (_, n) => `record ${n + 10}`), 'new'])
  expect(found.length).toBeLessThanOrEqual(16)
})

test('a full journal says so, writes nothing, and takes records again when others have left', async () => {
  const folder = await testFolder()
  const journal = await testJournal(folder, 1_000)
  let count = 0
  while (await journal.append(record('x'.repeat(40)))) count++
  expect(count).toBeGreaterThan(10)
  const sizes = await Promise.all(
    (await filesOf(folder)).map(async (name) => (await stat(join(folder, name))).size),
  )
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(journal.bytes)
  expect(journal.bytes).toBeLessThanOrEqual(1_000)
  expect(await journal.append(record('x'.repeat(40)))).toBe(false)
  expect(await drained(journal)).toHaveLength(count)
  expect(await journal.append(record('again'))).toBe(true)
  expect(await journal.append(record('x'.repeat(2_000)))).toBe(false)
  expect(await drained(journal)).toEqual(['again'])
})

test('a record that a crash has left unfinished is passed over, at whatever byte it ends', async () => {
  const folder = await testFolder()
  const journal = await testJournal(folder)
  for (const text of ['first', 'second']) await journal.append(record(text))
  await journal.close()
  const [name = ''] = await filesOf(folder)
  const whole = await readFile(join(folder, name))
  for (let end = whole.length - 1; end >= 0; end--) {
    const torn = await testFolder()
    await writeFile(join(torn, name), whole.subarray(0, end))
    const reopened = await testJournal(torn)
    await reopened.append(record('third'))
    const hasFirst = end >= whole.length - 'second'.length - 8
    expect(await drained(reopened)).toEqual([...(hasFirst ? ['first'] : []), 'third'])
    await reopened.close()
  }
})

test('a record whose bytes have changed is not handed out', async () => {
  const folder = await testFolder()
  const journal = await testJournal(folder)
  for (const text of ['first', 'second']) await journal.append(record(text))
  await journal.close()
  const [name = ''] = await filesOf(folder)
  const bytes = await readFile(join(folder, name))
  bytes[bytes.length - 1]! ^= 1
  await writeFile(join(folder, name), bytes)
  expect(await drained(await testJournal(folder))).toEqual(['first'])
})

test('a length that is not true, an empty file and other files do not harm', async () => {
  const folder = await testFolder()
  await writeFile(join(folder, '0000000001.journal'), '')
  await writeFile(join(folder, '0000000002.journal'), 'stoa observations 1\n')
  await appendFile(join(folder, '0000000002.journal'), Buffer.from('ffffffff00000000', 'hex'))
  await writeFile(join(folder, '0000000003.journal'), 'something else altogether, and longer than the mark')
  await writeFile(join(folder, 'README'), 'mine')
  const journal = await testJournal(folder)
  expect([journal.isEmpty, journal.bytes]).toEqual([true, 0])
  expect(await filesOf(folder)).toEqual(['README'])
  await journal.append(record('a'))
  await truncate(join(folder, 'README'))
  expect(await drained(journal)).toEqual(['a'])
})

test('a folder that cannot be used is a fault with a code', async () => {
  const folder = await testFolder()
  await writeFile(join(folder, 'file'), '')
  await expect(
    openJournal({ folder: join(folder, 'file'), maxBytes: 1_000, logger: SILENT }),
  ).rejects.toMatchObject({
    code: 'OBSERVATORY_JOURNAL_FAILED',
  })
})
