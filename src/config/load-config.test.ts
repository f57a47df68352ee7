import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../kernel/index.ts'
import { type LoadConfigInput, loadConfig } from './index.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-config-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function load(input: Partial<LoadConfigInput> & { toml?: string } = {}) {
  const { toml, ...rest } = input
  if (toml !== undefined) writeFileSync(join(folder, 'stoa.toml'), toml)
  return loadConfig({ env: {}, cwd: folder, ...rest })
}

/** The message of the refusal; fails when there is none. */
function refusalOf(input: Parameters<typeof load>[0]): string {
  try {
    load(input)
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFIG_INVALID') return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('order of the sources', () => {
  test('without any source every setting has its default', () => {
    const { config, sources, file } = load()
    expect(config.relay.port).toBe(7777)
    expect(config.store.segmentBytes).toBe(134_217_728)
    expect(config.relay.rates.exemptIps).toEqual(['127.0.0.1', '::1'])
    expect([...sources]).toEqual([])
    expect(file).toBeUndefined()
  })

  test('the file wins over the default, the environment over the file, a flag over both', () => {
    const toml = '[relay]\nport = 1000\nname = "File"\nhost = "0.0.0.0"'
    const { config, sources } = load({
      toml,
      env: { STOA_RELAY__PORT: '2000', STOA_RELAY__NAME: 'Env' },
      flags: [{ flag: '--port', key: 'relay.port', text: '3000' }],
    })
    expect(config.relay).toMatchObject({ port: 3000, name: 'Env', host: '0.0.0.0' })
    expect(sources.get('relay.port')).toBe('--port')
    expect(sources.get('relay.name')).toBe('STOA_RELAY__NAME')
    expect(sources.get('relay.host')).toBe(`${join(folder, 'stoa.toml')}: relay.host`)
  })

  test('a section inside of one that holds only sections is found, and kinds may be numbers and ranges', () => {
    const toml =
      '[relay.policies.access]\ndeniedKinds = [4, "5000-7000"]\n[relay.policies.spam]\nthreshold = 90'
    const { config } = load({ toml, env: { STOA_RELAY__LEVELS__EXEMPT_KINDS: '10002,23194-23197' } })
    expect(config.relay.policies.access.deniedKinds).toEqual([4, '5000-7000'])
    expect(config.relay.policies.spam.threshold).toBe(90)
    expect(config.relay.levels.exemptKinds).toEqual([10002, '23194-23197'])
    expect(refusalOf({ toml: '[relay.policies.spma]\nthreshold = 90' })).toContain('relay.policies.spam')
  })

  test('a file named by the user must exist', () => {
    expect(refusalOf({ file: 'missing.toml' })).toContain(join(folder, 'missing.toml'))
  })

  test('the result cannot be changed', () => {
    const { config } = load()
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.relay.limits)).toBe(true)
    expect(Object.isFrozen(config.relay.rates.exemptIps)).toBe(true)
  })
})

describe('text becomes the type of the setting', () => {
  test.each([
    [
      'STOA_RELAY__LIMITS__MAX_MESSAGE_BYTES',
      '65536',
      (c: ReturnType<typeof load>) => c.config.relay.limits.maxMessageBytes,
      65_536,
    ],
    ['STOA_RELAY__THREADS', '3', (c: ReturnType<typeof load>) => c.config.relay.threads, 3],
    ['STOA_RELAY__THREADS', 'auto', (c: ReturnType<typeof load>) => c.config.relay.threads, 'auto'],
    ['STOA_RELAY__NAME', '42', (c: ReturnType<typeof load>) => c.config.relay.name, '42'],
    [
      'STOA_RELAY__AUTH__REQUIRED_TO_READ',
      'true',
      (c: ReturnType<typeof load>) => c.config.relay.auth.requiredToRead,
      true,
    ],
    [
      'STOA_RELAY__TRUSTED_PROXIES',
      '10.0.0.0/8, ::1',
      (c: ReturnType<typeof load>) => c.config.relay.trustedProxies,
      ['10.0.0.0/8', '::1'],
    ],
    [
      'STOA_RELAY__TRUSTED_PROXIES',
      '["10.0.0.1"]',
      (c: ReturnType<typeof load>) => c.config.relay.trustedProxies,
      ['10.0.0.1'],
    ],
    ['STOA_RELAY__RATES__EXEMPT_IPS', '', (c: ReturnType<typeof load>) => c.config.relay.rates.exemptIps, []],
  ])('%s=%s', (name, text, read, expected) => {
    expect(read(load({ env: { [name]: text } }))).toEqual(expected)
  })
})

describe('mistakes', () => {
  test('all are listed together, each with the place where it is written', () => {
    const message = refusalOf({
      toml: '[relay]\nprot = 1\n[stroe]\ncacheBytes = 1\n[log]\nlevel = "loud"',
      env: { STOA_RELAY__PORT: '99999', STOA_RELAY__HSOT: 'x' },
      flags: [{ flag: '--threads', key: 'relay.threads', text: 'many' }],
    })
    const file = join(folder, 'stoa.toml')
    expect(message.split('\n')).toEqual([
      'The configuration has 6 mistakes:',
      `  ${file}: relay.prot: is not a setting; did you mean relay.port?`,
      `  ${file}: stroe: is not a setting; did you mean store?`,
      '  STOA_RELAY__HSOT: is not a setting; did you mean STOA_RELAY__HOST?',
      expect.stringMatching(/^ {2}.*stoa\.toml: log\.level: .*"trace" or "debug".*\(got "loud"\)$/),
      expect.stringMatching(/^ {2}STOA_RELAY__PORT: .*expected integer, 0 … 65535 \(got 99999\)$/),
      expect.stringMatching(/^ {2}--threads: must be "auto" or an integer.*\(got "many"\)$/),
    ])
  })

  test.each([
    ['port = 1', 'relay.port'],
    ['[relay]\nmax_limit = 1', 'relay.limits.maxLimit'],
    ['[relay.limit]\nmaxLimit = 1', 'relay.limits'],
    ['[relay]\nmaxLimit = 1', 'relay.limits.maxLimit'],
  ])('%j names the nearest known key %s', (toml, nearest) => {
    expect(refusalOf({ toml })).toContain(`did you mean ${nearest}?`)
  })

  test('a name near to nothing gets no far-fetched suggestion', () => {
    expect(refusalOf({ toml: 'xyzzy = 1' })).toMatch(/xyzzy: is not a setting$/)
  })

  test('a value where a section belongs says how to write it', () => {
    expect(refusalOf({ toml: 'relay = 1' })).toContain('relay: is a section: write [relay]')
  })

  test('broken TOML names line and column', () => {
    expect(refusalOf({ toml: '[relay]\nport = = 1' })).toMatch(/stoa\.toml:2:\d+: /)
  })

  test('an item of a list is named by its index', () => {
    const message = refusalOf({ env: { STOA_RELAY__AUTH__ALLOWED_PUBKEYS: `${'a'.repeat(64)},npub1x` } })
    expect(message).toContain('item 1: must be a public key as 64 lowercase hex characters')
  })

  test('values that contradict each other are refused', () => {
    expect(refusalOf({ toml: '[relay.limits]\nmaxLimit = 10' })).toContain(
      'relay.limits.defaultLimit (default): 500 is above relay.limits.maxLimit, 10',
    )
  })

  test('a process is the node, or has one elsewhere that it shows a token', () => {
    const node = 'remoteUrl = "wss://node.example/trpc"'
    const token = `remoteToken = "${'x'.repeat(32)}"`
    const process = '[process]\nroles = ["relay", "api", "jobs"]\n[interledger]\n'
    expect(load({ toml: `${process}${node}\n${token}` }).config.interledger.remoteUrl).toBe(
      'wss://node.example/trpc',
    )
    expect(refusalOf({ toml: `[interledger]\n${node}\n${token}` })).toContain(
      'leave ilp out of process.roles',
    )
    expect(refusalOf({ toml: `${process}${node}` })).toContain(
      'interledger.remoteToken (default): is missing',
    )
    expect(refusalOf({ toml: `${process}${token}` })).toContain('interledger.remoteUrl (default): is missing')
    expect(refusalOf({ toml: `${process}${node}\n${token}\nremoteTokenFile = "token"` })).toContain(
      'leave one',
    )
    expect(refusalOf({ toml: `${process}remoteUrl = "https://node.example"\n${token}` })).toContain(
      'ws:// or wss://',
    )
  })

  test('variables that Kubernetes sets for a service called stoa are not settings', () => {
    const env = {
      STOA_SERVICE_HOST: '10.0.0.1',
      STOA_SERVICE_PORT_HTTP: '80',
      STOA_PORT: 'tcp://10.0.0.1:80',
      STOA_PORT_7777_TCP_ADDR: '10.0.0.1',
    }
    expect([...load({ env }).sources]).toEqual([])
    expect(refusalOf({ env: { STOA_PORT: '80' } })).toContain('did you mean STOA_RELAY__PORT?')
  })
})

test.each(['//evil.example/logo.png', '/\\evil.example/logo.png', 'https://evil.example/logo.png'])(
  'a logo at %s is none: the page asks nobody else',
  (logo) => {
    expect(refusalOf({ env: { STOA_OBSERVATORY__BRAND__LOGO: logo } })).toContain(
      'must be a path or a data: URL',
    )
  },
)
