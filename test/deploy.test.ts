/** What stands in `deploy/` names only settings that there are, with values that they take. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../src/config/index.ts'

const DEPLOY = join(import.meta.dirname, '../deploy')
const compose = readFileSync(join(DEPLOY, 'compose/compose.yml'), 'utf8')
const dockerfile = readFileSync(join(DEPLOY, 'compose/Dockerfile'), 'utf8')
const unit = readFileSync(join(DEPLOY, 'systemd/stoa.service'), 'utf8')

describe('the compose file', () => {
  const common = settingsIn(compose.slice(0, compose.indexOf('services:')))

  test.each(['relay', 'jobs'])('service %s starts with a configuration that is whole', (service) => {
    const block = new RegExp(`^  ${service}:\\n(?:    .*\\n)+`, 'm').exec(compose)?.[0] ?? ''
    const env = { ...common, ...settingsIn(block), ...settingsIn(dockerfile) }
    expect(Object.keys(env).length).toBeGreaterThan(6)
    expect(() => loadConfig({ env, cwd: '/nowhere/without/a/file' })).not.toThrow()
  })
})

test('the unit starts the program by the command that the package has, and stops after it gives up by itself', () => {
  const { scripts } = JSON.parse(readFileSync(join(DEPLOY, '../package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  expect(unit).toContain('ExecStart=/usr/bin/npm start --silent -- ')
  expect(scripts.start).toBe('node bin/stoa.js start')
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(30)
})

/** `STOA_A__B: value` and `STOA_A__B=value`, with something in place of what comes from outside. */
function settingsIn(text: string): Record<string, string> {
  const found = text.matchAll(/(STOA_[A-Z_]+)[:=] ?([^\s]+)/g)
  return Object.fromEntries(
    [...found].map(([, name = '', value = '']) => [name, value.replaceAll(/\$\{[^}]+\}/g, 'x')]),
  )
}
