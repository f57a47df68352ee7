/** Of several processes of role `jobs`, one at a time does what is done once; the others have it do what operators want. */
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { noServicesBecause, type SharedServices, startSharedServices } from './shared-services.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

/** The Interledger node has a leader of its own, which may be the other process. */
const TAKEN = /"duty":"services".*leadership\.taken/
/** Nobody listens there. */
const PEER = 'ws://127.0.0.1:9'

if (noServicesBecause !== undefined)
  console.warn(`SKIPPED: one process at a time leads, since ${noServicesBecause}`)

describe.skipIf(noServicesBecause !== undefined)('two processes of role jobs', () => {
  const stage = new Stage()
  let services: SharedServices

  beforeAll(async () => {
    services = await startSharedServices()
  })
  afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))
  afterAll(() => services.stop())

  test('one leads; killed, it is followed by the other, which knows what operators told either', async () => {
    const { env } = services
    const both = await Promise.all([
      stage.start({ env, hasOffice: true }),
      stage.start({ env, hasOffice: true }),
    ])
    await eventually(async () =>
      expect(new Set(await Promise.all(both.map(roleOf)))).toEqual(new Set(['leading', 'standing-by'])),
    )
    const [first, second] = (await roleOf(both[0])) === 'leading' ? both : [both[1], both[0]]
    expect(first.stderr).toMatch(TAKEN)
    expect(second.stderr).not.toMatch(TAKEN)

    // Told where nobody leads, done where somebody does, and seen from both.
    await eventually(() => admin(second, 'mirror', 'add', PEER))
    const told = [{ id: '127.0.0.1:9', isPaused: false }]
    expect(await admin(first, 'mirror', 'list')).toMatchObject(told)
    expect(await admin(second, 'mirror', 'list')).toMatchObject(told)
    await expect(admin(second, 'mirror', 'add', PEER)).rejects.toThrow('There is a mirror')
    await admin(second, 'mirror', 'pause', PEER)

    // What is done later is in the database: any process shows it.
    await eventually(async () =>
      expect(await admin(second, 'jobs', 'queues')).toMatchObject([
        { name: 'accounts.mail', deadLetters: 0 },
        { name: 'accounts.sweep', schedule: '17 * * * * UTC' },
        { name: 'audit.checkpoint', schedule: '5 0 * * * UTC', nextRunAtMs: expect.any(Number) },
        { name: 'observatory.webhooks', deadLetters: 0 },
        { name: 'observatory.notices', deadLetters: 0 },
      ]),
    )

    await first.kill()
    await eventually(async () => expect(await roleOf(second)).toBe('leading'), 15_000)
    expect(second.stderr).toMatch(TAKEN)
    await eventually(async () =>
      expect(await admin(second, 'mirror', 'list')).toMatchObject([{ id: '127.0.0.1:9', isPaused: true }]),
    )

    // Its connection is gone, and with it the lock: it stops, and takes the lead again.
    await endLeadersConnection(services.postgres.url)
    await eventually(() => expect(second.stderr).toMatch(/"duty":"services".*leadership\.lost/))
    await eventually(async () => expect(await roleOf(second)).toBe('leading'))
    expect(await second.stop()).toMatchObject({ code: 0 })
  })

  function admin(stoa: StoaProcess, ...words: readonly string[]): Promise<unknown> {
    return stage.ask(stoa, 'admin', ...words)
  }
})

async function endLeadersConnection(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stoa leadership'`,
  )
  await client.end()
}

/** What `/health` says of who leads. */
async function roleOf(stoa: StoaProcess): Promise<unknown> {
  const response = await fetch(stoa.httpUrl('/health'))
  // The shape is that of `platform/http.ts`.
  const { components } = (await response.json()) as { components: { leadership?: { is: string } } }
  return components.leadership?.is
}

/** Looks again and again, as long as the claim does not hold. */
function eventually(claim: () => unknown, timeout = 30_000): Promise<unknown> {
  return vi.waitFor(claim, { timeout, interval: 100 })
}
