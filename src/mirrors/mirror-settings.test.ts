import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadConfig } from '../config/index.ts'
import { checkMirror, DEFAULT_MIRROR } from './mirror-settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'stoa-mirror-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))

function mirrorsIn(toml: string, env: Readonly<Record<string, string>> = {}) {
  writeFileSync(join(folder, 'stoa.toml'), toml)
  return loadConfig({ env, cwd: folder }).config.relay.mirrors
}

test('a table with nothing but an address is a mirror with every default', () => {
  expect(mirrorsIn('[[relay.mirrors]]\nurl = "wss://relay.example.org"')).toEqual([
    { ...DEFAULT_MIRROR, url: 'wss://relay.example.org' },
  ])
})

test('filters are written as tables, in the file as in the environment', () => {
  const [fromFile] = mirrorsIn(`
    [[relay.mirrors]]
    url = "wss://relay.example.org/path"
    direction = "both"
    filters = [{ kinds = [0, 3] }, { "#t" = ["stoa"], since = 1700000000 }]`)
  const json = JSON.stringify([fromFile])
  const [fromEnv] = mirrorsIn('', { STOA_RELAY__MIRRORS: json })
  expect(fromEnv).toEqual(fromFile)
  expect(checkMirror(fromFile!)).toMatchObject({
    ok: true,
    value: {
      name: 'relay.example.org/path',
      filters: [{ kinds: [0, 3] }, { tags: [{ name: 't', values: ['stoa'] }], since: 1_700_000_000 }],
    },
  })
})

test.each([
  ['url = "https://relay.example.org"', 'relay.mirrors'],
  ['url = "wss://relay.example.org"\ndirection = "sideways"', 'direction'],
  ['url = "wss://relay.example.org"\ncolour = "red"', 'colour'],
])('a mirror with %s is a mistake in the configuration', (lines, named) => {
  expect(() => mirrorsIn(`[[relay.mirrors]]\n${lines}`)).toThrow(named)
})
