import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Config, type FlagOverride, loadConfig } from './config/index.ts'
import { AppError } from './kernel/index.ts'
import { LiveSettings } from './stoa-settings.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-settings-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Two parts; the second takes no spread of 7. What each of them has is its last. */
async function liveSettings(env: Record<string, string>) {
  const [first, second]: [number[], number[]] = [[], []]
  const load = (flags: readonly FlagOverride[]) => loadConfig({ env, cwd: folder, flags })
  const settings = await LiveSettings.open({ path: join(folder, 'settings.json'), load })
  settings.applyBy(async ({ interledger: { spreadPpm } }: Config) => {
    first.push(spreadPpm)
    if (spreadPpm === 7) throw new AppError('CONFIG_INVALID', 'no seven here')
    second.push(spreadPpm)
  })
  return { settings, has: () => [first.at(-1), second.at(-1)] }
}

test('a reload that one part refuses leaves all parts with what they had', async () => {
  const env = { STOA_INTERLEDGER__SPREAD_PPM: '5' }
  const { settings, has } = await liveSettings(env)
  await settings.reload()
  expect(has()).toEqual([5, 5])
  env.STOA_INTERLEDGER__SPREAD_PPM = '7'
  await expect(settings.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  expect(has()).toEqual([5, 5])
  expect(settings.current.interledger.spreadPpm).toBe(5)
})

test('a change that one part refuses, or that cannot be written down, leaves all parts with what they had', async () => {
  const { settings, has } = await liveSettings({ STOA_INTERLEDGER__SPREAD_PPM: '5' })
  const key = 'interledger.spreadPpm'
  const written = async () => {}
  expect(await settings.change({ key, value: '7' }, written)).toMatchObject({ ok: false })
  expect(has()).toEqual([5, 5])
  const unwritten = () => Promise.reject(new Error('no disk'))
  await expect(settings.change({ key, value: '6' }, unwritten)).rejects.toThrow('no disk')
  expect(has()).toEqual([5, 5])
  expect(await settings.change({ key, value: '6' }, written)).toMatchObject({ ok: true })
  expect(has()).toEqual([6, 6])
})
