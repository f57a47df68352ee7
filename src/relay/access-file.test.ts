import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadAccessLists, saveAccessLists } from './access-file.ts'
import { EMPTY_ACCESS_LISTS } from './access-lists.ts'

describe('the lists in a file', () => {
  let folder: string
  let path: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-access-'))
    path = join(folder, 'access.json')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('are empty as long as nobody has decided anything', async () => {
    expect(await loadAccessLists(path)).toEqual(EMPTY_ACCESS_LISTS)
  })

  test('come back as they were saved, and nothing else is left in the folder', async () => {
    const lists = { ...EMPTY_ACCESS_LISTS, bannedPubkeys: { ['a'.repeat(64)]: 'spam' }, maintenance: true }
    await saveAccessLists(path, EMPTY_ACCESS_LISTS)
    await saveAccessLists(path, lists)
    expect(await loadAccessLists(path)).toEqual(lists)
    expect(readdirSync(folder)).toEqual(['access.json'])
  })

  test.each(['', '{', '{"version":2}', 'null'])(
    'are not taken for empty when the file holds %j',
    async (text) => {
      writeFileSync(path, text)
      await expect(loadAccessLists(path)).rejects.toMatchObject({ code: 'ACCESS_FILE_DAMAGED' })
    },
  )
})
