/** `stoa doctor` of the real program, over real databases, a real Redis, real files, and a mail server that greets. */
import { chmodSync, mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isRedisInstalled, startTestRedis } from '../../src/platform/bus/testing/index.ts'
import { chosenPostgres, startTestServer } from '../../src/platform/database/testing/index.ts'
import { Stage, type StoaEnvironment } from './stoa-process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

interface Finding {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly message: string
}

interface Diagnosis {
  readonly code: number | null
  of(name: string): Finding
}

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

async function diagnose(dataDir: string, env: StoaEnvironment = {}): Promise<Diagnosis> {
  const args = ['doctor', '--json', '--data', dataDir]
  const { code, stdout, stderr } = await stage.run(args, { STOA_RELAY__PORT: '0', ...env })
  if (stdout === '') throw new Error(stderr)
  const findings = JSON.parse(stdout) as readonly Finding[]
  return {
    code,
    of: (name) =>
      findings.find((finding) => finding.name === name) ?? { name, status: 'fail', message: stdout },
  }
}

test('a running program is asked for what it alone can see; a stopped one is looked at; nothing is made', async () => {
  const dataDir = join(stage.folder(), 'data')
  const before = await diagnose(dataDir)
  expect(before.code).toBe(0)
  expect(before.of('database')).toMatchObject({
    status: 'ok',
    message: expect.stringMatching(/made at the first start/),
  })
  expect(before.of('data folder').message).toContain('can be made')

  const running = await stage.start({ dataDir, hasOffice: true })
  await vi.waitFor(
    async () => {
      const during = await diagnose(dataDir)
      expect(during.of('running program')).toMatchObject({
        status: 'ok',
        message: expect.stringMatching(/^version \S+ since /),
      })
      expect(during.of('event store')).toMatchObject({
        status: 'ok',
        message: expect.stringMatching(/says ok \(0 events\)/),
      })
      expect(during.of('database')).toMatchObject({
        status: 'ok',
        message: expect.stringMatching(/running program, which says ok/),
      })
      expect(during.of('audit log')).toMatchObject({
        status: 'ok',
        message: expect.stringMatching(/^\d+ rows/),
      })
    },
    { timeout: 90_000, interval: 500 },
  )
  const granted = await stage.run(['admin', 'staff', 'grant', 'owner', 'ab'.repeat(32), '--data', dataDir])
  expect(granted.code).toBe(0)
  await running.stop()

  const after = await diagnose(dataDir)
  expect(after.code).toBe(0)
  expect(after.of('running program').message).toMatch(/^none/)
  expect(after.of('database')).toMatchObject({
    status: 'ok',
    message: expect.stringMatching(/embedded, \d+ migrations applied$/),
  })
  expect(after.of('audit log')).toMatchObject({
    status: 'ok',
    message: expect.stringMatching(/^1 rows, each as it was written/),
  })
  expect(after.of('keys')).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/relay [0-9a-f]{64} .*\n.*signer\.passphrase/s),
  })

  chmodSync(join(dataDir, 'keys', 'relay.key.json'), 0o644)
  expect((await diagnose(dataDir)).of('keys')).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/chmod 600/),
  })
  chmodSync(join(dataDir, 'keys', 'relay.key.json'), 0o600)
  chmodSync(join(dataDir, 'keys'), 0o755)
  const exposed = await diagnose(dataDir)
  expect(exposed.code).toBe(3)
  expect(exposed.of('keys')).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/mode 755.*chmod 700/),
  })
})

test('a relay alone that runs is said to have the folder, and it has no database to look at', async () => {
  const { dataDir } = await stage.start()
  const found = await diagnose(dataDir, { STOA_PROCESS__ROLES: 'relay' })
  expect(found.code).toBe(0)
  expect(found.of('event store')).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/in use by a running program/),
  })
  expect(found.of('database')).toMatchObject({ status: 'ok', message: expect.stringMatching(/relay alone/) })
})

test('a database elsewhere is told from one that is away, ahead, behind, or changed by hand', async () => {
  const server = await startTestServer(chosenPostgres())
  stage.atEnd(() => void server.close())
  const url = server.url()
  const dataDir = stage.folder()
  const look = () => diagnose(dataDir, { STOA_DATABASE__URL: url })
  const client = new Client({ connectionString: url })
  // It ends with the server, which is no fault here.
  client.on('error', () => undefined)
  await client.connect()

  const empty = await look()
  expect(empty.of('database')).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/0 migrations applied, \d+ not yet/),
  })
  expect(empty.of('audit log').status).toBe('warn')
  const { rows } = await client.query("SELECT to_regclass('stoa_migrations') AS made")
  expect(rows).toEqual([{ made: null }])

  const running = await stage.start({ hasOffice: true, env: { STOA_DATABASE__URL: url } })
  const grant = ['admin', 'staff', 'grant', 'owner', 'ab'.repeat(32), '--data', running.dataDir]
  await vi.waitFor(async () => expect((await stage.run(grant)).code).toBe(0), { timeout: 60_000 })
  await running.stop()
  const good = await look()
  expect(good.of('database')).toMatchObject({
    status: 'ok',
    message: expect.stringMatching(/^PostgreSQL \d+\S*.* migrations applied$/),
  })
  expect(good.of('audit log')).toMatchObject({ status: 'ok', message: expect.stringMatching(/^1 rows/) })

  expect(good.of('ledger')).toMatchObject({ status: 'ok', message: 'nothing is booked yet' })

  await client.query('ALTER TABLE audit_entries DISABLE TRIGGER ALL')
  await client.query('ALTER TABLE ledger_accounts DISABLE TRIGGER ALL')
  await client.query("INSERT INTO ledger_accounts (path, asset, balance) VALUES ('assets/cash', 'msat', 5)")
  await client.query("UPDATE audit_entries SET actor = 'nobody' WHERE number = 1")
  const changed = await look()
  expect(changed.code).toBe(3)
  expect(changed.of('ledger')).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/do not add up in msat/),
  })
  expect(changed.of('audit log')).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/^Row 1 .*backup/),
  })

  await client.query("INSERT INTO stoa_migrations VALUES (9999, '9999_later.sql', 'x')")
  expect((await look()).of('database')).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/newer program/),
  })
  await client.end()
  const away = await diagnose(dataDir, { STOA_DATABASE__URL: 'postgresql://stoa:hunter22@127.0.0.1:1/stoa' })
  expect(away.of('database')).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/ECONNREFUSED.*database\.url/),
  })
  expect(JSON.stringify(away.of('database'))).not.toContain('hunter22')
})

describe.skipIf(!isRedisInstalled)('Redis', () => {
  test('is told by whether it answers and whether it keeps what it is given', async () => {
    const redis = await startTestRedis()
    const client = new Redis(redis.url)
    const env = {
      STOA_STORE__ENGINE: 'postgres',
      STOA_DATABASE__URL: 'postgresql://127.0.0.1:1/stoa',
      STOA_REDIS__URL: redis.url,
      STOA_SIGNER__RELAY_KEY: '1'.repeat(64),
      STOA_SIGNER__INTERLEDGER_SECRET: '2'.repeat(64),
    }
    const dataDir = stage.folder()
    const look = async () => (await diagnose(dataDir, env)).of('redis')
    expect(await look()).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/^Redis \d+.*noeviction$/),
    })
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await look()).toMatchObject({
      status: 'warn',
      message: expect.stringMatching(/set maxmemory-policy noeviction/),
    })
    await client.quit()
    await redis.dispose()
    expect(await look()).toMatchObject({
      status: 'fail',
      message: expect.stringMatching(/does not answer.*redis\.url/),
    })
  })
})

describe('a mail server', () => {
  let said: string[]
  let server: Server
  beforeEach(() => {
    said = []
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.write('220 mail.example ESMTP\r\n')
      socket.on('data', (data) => {
        const line = data.toString().trim()
        said.push(line)
        socket.write(line === 'QUIT' ? '221 bye\r\n' : '250 mail.example\r\n')
      })
    })
  })
  afterEach(() => void server.close())

  test('is greeted, and given no mail', async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const env = { STOA_ACCOUNTS__SMTP_URL: `smtp://127.0.0.1:${address.port}` }
    const dataDir = stage.folder()
    expect((await diagnose(dataDir, env)).of('mail')).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/no mail was sent/),
    })
    expect(said[0]).toMatch(/^EHLO /)
    expect(said.filter((line) => /^(MAIL|RCPT|DATA)/i.test(line))).toEqual([])
    await new Promise((resolve) => server.close(resolve))
    const gone = await diagnose(dataDir, env)
    expect(gone.of('mail')).toMatchObject({
      status: 'fail',
      message: expect.stringMatching(/ECONNREFUSED.*accounts\.smtpUrl/),
    })
  })
})

test('whoever can be reached under a public name is told what goes wrong without knowing it', async () => {
  const dataDir = stage.folder()
  mkdirSync(join(dataDir, 'empty'))
  const name = async (env: StoaEnvironment) => (await diagnose(dataDir, env)).of('public name')
  expect(await name({})).toMatchObject({ status: 'ok' })
  expect(await name({ STOA_RELAY__HOST: '0.0.0.0' })).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/NIP-98/),
  })
  expect(await name({ STOA_RELAY__TRUSTED_PROXIES: '127.0.0.1' })).toMatchObject({ status: 'warn' })
  const url = 'wss://relay.example.org'
  expect(await name({ STOA_RELAY__HOST: '0.0.0.0', STOA_RELAY__PUBLIC_URL: url })).toMatchObject({
    status: 'ok',
    message: expect.stringContaining(url),
  })
})
