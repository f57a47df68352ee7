import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import { bob, pubkeyOf, testEvent } from '../testing/index.ts'
import { type IndexColumns, readRemovals, sealColumns } from './columns.ts'
import { checkColumns, readColumns, readIndexHeader, writeIndexFile } from './index-file.ts'
import { KeyHasher } from './key-hash.ts'
import { hotColumns } from './sealed-segment.ts'
import { segmentBytesOf, segmentOf, type TestRecord, temporaryFolder } from './testing.ts'

const removed = [pubkeyOf('some id'), pubkeyOf('another id')]
const records: readonly TestRecord[] = [
  { event: testEvent({ tags: [['t', 'stoa']], created_at: 5 }) },
  {
    event: testEvent({ pubkey: bob, kind: 7, tags: [['expiration', '2000000000']] }),
    removes: removed.slice(0, 1),
  },
  { removes: removed.slice(1) },
]
const facts = {
  segmentBytes: segmentBytesOf(1, records).length,
  oldest: 5,
  newest: 1_700_000_000,
  firstSeq: 1,
  lastSeq: 3,
}

let folder: string
let path: string
let columns: IndexColumns

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, '000001.idx')
  columns = sealColumns(segmentOf(records, new KeyHasher([1, 2, 3, 4])), facts.segmentBytes)
  writeIndexFile(path, facts, columns)
})

afterEach(() => rmSync(folder, { recursive: true }))

test('an index file gives back what was written', () => {
  expect(read()).toEqual({ header: facts, columns })
  expect([...readRemovals(hotColumns(columns))]).toEqual([
    { id: removed[0], seq: 2 },
    { id: removed[1], seq: 3 },
  ])
})

test('whichever byte is changed, it is noticed or means nothing, whether the columns are kept or only checked', () => {
  const whole = readFileSync(path)
  let harmless = 0
  for (let at = 0; at < whole.length; at++) {
    for (const bit of [0x01, 0x80]) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= bit
      writeFileSync(path, damaged)
      const outcome = attempt(read)
      expect(attempt(check) instanceof AppError, `byte ${at}`).toBe(outcome instanceof AppError)
      if (outcome instanceof AppError) expect(outcome.code).toBe('STORE_DAMAGED')
      else {
        expect(outcome, `byte ${at}`).toEqual({ header: facts, columns })
        harmless++
      }
    }
  }
  // Only the padding between columns means nothing.
  expect(harmless).toBeLessThan(2 * 8 * 20)
})

describe('a file that was cut off', () => {
  test('is refused at every length', () => {
    const whole = readFileSync(path)
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const outcome = attempt(read)
      if (outcome instanceof AppError) expect(outcome.code).toBe('STORE_DAMAGED')
      // What is missing is padding then.
      else expect(outcome, `${length} bytes`).toEqual({ header: facts, columns })
    }
  })
})

function read() {
  return withFile((file) => {
    const { checksum, columns: places, ...header } = readIndexHeader(file)
    return { header, columns: readColumns(file, { ...header, columns: places }) }
  })
}

function check(): void {
  withFile((file) => checkColumns(file, readIndexHeader(file)))
}

function withFile<T>(use: (file: number) => T): T {
  const file = openSync(path, 'r')
  try {
    return use(file)
  } finally {
    closeSync(file)
  }
}

function attempt<T>(work: () => T): T | AppError {
  try {
    return work()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}
