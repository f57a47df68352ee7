import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configReference, defaultConfig, listSettings, loadConfig, sampleToml } from './index.ts'

function loadText(toml: string) {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-config-'))
  try {
    writeFileSync(join(folder, 'stoa.toml'), toml)
    return loadConfig({ env: {}, cwd: folder })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the sample file changes nothing as it stands', () => {
  const { config, sources } = loadText(sampleToml())
  expect(config).toEqual(defaultConfig())
  expect(sources.size).toBe(0)
})

test('the sample file with every setting switched on holds every setting at its default', () => {
  const { config, sources } = loadText(sampleToml().replaceAll(/^#(\w+ = )/gm, '$1'))
  expect(config).toEqual(defaultConfig())
  expect([...sources.keys()].toSorted()).toEqual(
    listSettings()
      .map(({ key }) => key)
      .toSorted(),
  )
})

test('the reference page has a row for every setting with both its names', () => {
  const page = configReference()
  for (const { key, env, says } of listSettings()) {
    expect(page).toContain(`| \`${key}\`<br>\`${env}\` |`)
    expect(page).toContain(says.replaceAll('|', '\\|'))
  }
})
