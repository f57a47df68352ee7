import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, defaultConfig } from '../config/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { AppError } from '../kernel/index.ts'
import type { Composition } from './composition.ts'
import { checkDataFolder, checkNode, checkPort } from './doctor-checks.ts'
import { requireNode } from './node-version.ts'
import { formatDuration, progressLine } from './progress.ts'
import { changedSettings } from './start.ts'
import { runTestCli, type TestWorld } from './testing/run-test-cli.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-cli-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const run = (args: readonly string[], world: Partial<TestWorld> = {}) =>
  runTestCli(args, { cwd: folder, ...world })

describe('help', () => {
  test.each(['start', 'import', 'export', 'config', 'doctor', 'bench'])(
    '%s explains itself with examples and exit codes',
    async (name) => {
      const { exitCode, stdout } = await run([name, '--help'])
      expect(exitCode).toBe(0)
      expect(stdout).toMatch(new RegExp(`^Usage: stoa ${name}`))
      expect(stdout).toContain('Examples:\n  ')
      expect(stdout).toContain('Exit codes:')
      expect(stdout).toContain('--data <dir>')
    },
  )

  test('the program lists its commands', async () => {
    const { exitCode, stdout } = await run(['--help'])
    expect(exitCode).toBe(0)
    for (const name of ['start', 'import', 'export', 'config', 'doctor', 'bench'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
  })
})

describe('a slip of the finger', () => {
  test.each([
    [['imprt'], "error: unknown command 'imprt'\n(Did you mean import?)"],
    [['start', '--prot', '1'], "error: unknown option '--prot'\n(Did you mean --port?)"],
    [['config', 'shwo'], "error: unknown command 'shwo'\n(Did you mean show?)"],
  ])('%j names the nearest and exits with 2', async (args, message) => {
    const { exitCode, stderr } = await run(args)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
  })

  test('a wrong value of a flag names the flag', async () => {
    const { exitCode, stderr } = await run(['start', '--port', '99999'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('  --port: ')
  })
})

describe('config', () => {
  test('show prints value and source of each setting', async () => {
    const { stdout } = await run(['config', 'show', '--changed', '--data', 'd'], {
      env: { STOA_RELAY__PORT: '80' },
    })
    expect(stdout).toBe('data.dir = "d"  (--data)\nrelay.port = 80  (STOA_RELAY__PORT)\n')
  })

  test('check lists every mistake and exits with 2', async () => {
    writeFileSync(join(folder, 'mine.toml'), '[relay]\nprot = 1\nport = "x"\n')
    const { exitCode, stderr } = await run(['config', 'check', '--config', 'mine.toml'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('has 2 mistakes')
    expect(stderr).toContain('did you mean relay.port?')
  })

  test('init writes a file that check accepts, and does not overwrite one', async () => {
    expect((await run(['config', 'init'])).exitCode).toBe(0)
    expect((await run(['config', 'check'])).stdout).toContain('stoa.toml, 0 settings changed')
    writeFileSync(join(folder, 'stoa.toml'), '# mine')
    expect((await run(['config', 'init'])).exitCode).toBe(2)
    expect(readFileSync(join(folder, 'stoa.toml'), 'utf8')).toBe('# mine')
    expect((await run(['config', 'init', '--force'])).exitCode).toBe(0)
  })
})

describe('start', () => {
  test('its help names every role that a process may have', async () => {
    const { stdout } = await run(['start', '--help'])
    expect(stdout).toContain(defaultConfig().process.roles.join(','))
  })

  test('prints the summary, runs until it is interrupted, and stops in good order', async () => {
    const interrupt = new AbortController()
    const happened: string[] = []
    const startStoa: Composition['startStoa'] = async (config) => {
      happened.push(`start on ${config.relay.host}:${config.relay.port} with ${config.relay.threads} threads`)
      setTimeout(() => interrupt.abort(), 20)
      return { addresses: [], summary: () => ['Stoa runs.'], stop: async () => void happened.push('stop') }
    }
    const { exitCode, stdout } = await run(['start', '--port', '0', '--host', '::1', '--threads', '2'], {
      interrupted: interrupt.signal,
      env: { STOA_LOG__LEVEL: 'silent' },
      compose: { startStoa },
    })
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'Stoa runs.\n' })
    expect(happened).toEqual(['start on ::1:0 with 2 threads', 'stop'])
  })

  test.skipIf(process.platform === 'win32')(
    'SIGHUP hands on a valid new configuration and refuses one with a mistake',
    async () => {
      const interrupt = new AbortController()
      const reloaded: string[] = []
      const hangUpWith = (toml: string): void => {
        writeFileSync(join(folder, 'stoa.toml'), toml)
        process.emit('SIGHUP')
      }
      const startStoa: Composition['startStoa'] = async (_config, { load }) => {
        const reload = async () => {
          const { config } = load([])
          reloaded.push(config.log.level)
          return config
        }
        const signals = async (): Promise<void> => {
          for (const level of ['error', 'loud']) {
            await sleep(20)
            hangUpWith(`[log]\nlevel = "${level}"`)
          }
          await sleep(20)
          interrupt.abort()
        }
        void signals()
        return { addresses: [], summary: () => [], reload, stop: async () => undefined }
      }
      writeFileSync(join(folder, 'stoa.toml'), '[log]\nlevel = "silent"')
      const { exitCode } = await run(['start'], { interrupted: interrupt.signal, compose: { startStoa } })
      expect({ exitCode, reloaded }).toEqual({ exitCode: 0, reloaded: ['error'] })
      expect(process.listenerCount('SIGHUP')).toBe(0)
    },
  )

  test('a reload tells what it can take over from what needs a restart', () => {
    const before = defaultConfig()
    const after: Config = {
      ...before,
      log: { ...before.log, level: 'debug' },
      relay: { ...before.relay, port: 1 },
    }
    expect(changedSettings(before, after)).toEqual({ live: ['log.level'], needRestart: ['relay.port'] })
    expect(changedSettings(before, before)).toEqual({ live: [], needRestart: [] })
  })
})

describe('doctor', () => {
  const world = { store: createMemoryStore(), env: { STOA_RELAY__PORT: '0' } }

  test('a healthy machine passes, and a missing libsecp256k1 is worth a word', async () => {
    const { exitCode, stdout } = await run(['doctor'], world)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^ok {4}node: version /)
    expect(stdout).toMatch(/^warn {2}signatures: plain: .*libsecp256k1/m)
    expect(stdout).not.toMatch(/^fail/m)
  })

  test('a damaged store fails with what was found', async () => {
    const verifyEventStore: Composition['verifyEventStore'] = async () => ({
      isSound: false,
      lines: ['segment 3: flipped byte'],
    })
    const { exitCode, stdout } = await run(['doctor', '--data', '.'], {
      ...world,
      compose: { verifyEventStore },
    })
    expect(exitCode).toBe(3)
    expect(stdout).toContain('fail  event store: segment 3: flipped byte')
  })

  test('a store in use is a warning, since it cannot be looked at', async () => {
    const verifyEventStore: Composition['verifyEventStore'] = async () => {
      throw new AppError('STORE_LOCKED', 'in use')
    }
    const { exitCode, stdout } = await run(['doctor', '--data', '.'], {
      ...world,
      compose: { verifyEventStore },
    })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^warn {2}event store: in use/m)
  })

  test('a wrong configuration is told once', async () => {
    const { exitCode, stdout } = await run(['doctor'], { ...world, env: { STOA_RELAY__PRT: '1' } })
    expect(exitCode).toBe(3)
    expect(stdout.match(/STOA_RELAY__PRT/g)).toHaveLength(1)
  })

  test('a port in use, a folder above that is missing and an old Node are noticed', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const taken = { host: '127.0.0.1', port: address.port }
    expect((await checkPort(taken)).status).toBe('warn')
    await new Promise((resolve) => server.close(resolve))
    expect((await checkPort(taken)).status).toBe('ok')
    expect((await checkDataFolder(join(folder, 'a', 'b'))).message).toContain('can be made')
    expect(checkNode('22.1.0').status).toBe('fail')
  })
})

test('an old Node is refused with what to do about it', () => {
  expect(() => requireNode('20.20.2')).toThrow(
    'Stoa needs Node 24 or newer, this is 20.20.2: use npm start, or bin/stoa.js.',
  )
  requireNode('24.0.0')
})

test('progress shows count, rate, share and the time left', () => {
  expect(progressLine({ events: 12_000, fraction: 0.5 }, 2000)).toBe(
    '12,000 events · 6,000/s · 50 % · 2 s left',
  )
  expect(progressLine({ events: 10, fraction: undefined }, 1000)).toBe('10 events · 10/s')
  expect(formatDuration(3_723_000)).toBe('1 h 2 min')
})
