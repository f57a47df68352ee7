import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { faultOf } from '../testing.ts'
import { withFolderLock } from './folder-lock.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-folder-lock-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('of many who want the folder one has it at a time', async () => {
  let inside = 0
  let most = 0
  const visit = () =>
    withFolderLock(folder, async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside -= 1
    })
  await Promise.all(Array.from({ length: 10 }, visit))
  expect(most).toBe(1)
})

test('a lock that is held is waited for, and a folder that cannot be locked is said to be so at once', async () => {
  const answers: number[] = [constants.errno.EWOULDBLOCK, constants.errno.EWOULDBLOCK, 0]
  const held = () => answers.shift() ?? 0
  expect(await withFolderLock(folder, async () => 'done', held)).toBe('done')
  expect(answers).toEqual([])

  let isDone = false
  const act = async () => {
    isDone = true
  }
  const fault = await faultOf(() => withFolderLock(folder, act, () => constants.errno.ENOLCK))
  expect(fault).toMatchObject({ code: 'SIGNER_STORAGE_FAILED', facts: { path: folder, errno: 'ENOLCK' } })
  expect(isDone).toBe(false)
})
