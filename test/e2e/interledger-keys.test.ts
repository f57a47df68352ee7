/** The program with its keys in a PKCS#11 token: SoftHSM2, as it comes from the distribution. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { findSoftHsm, type SoftHsm, startSoftHsm, TEST_PIN } from '../../src/signer/pkcs11/testing/index.ts'
import { type FarNode, startFarNode } from './far-node.ts'
import { Stage, type StoaEnvironment, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 60_000, interval: 100 }
const TOKEN_LABEL = 'stoa'
const module = findSoftHsm()

describe.skipIf(module === undefined)('with a token', () => {
  const stage = new Stage()
  let hsm: SoftHsm
  let far: FarNode

  beforeAll(async () => {
    hsm = startSoftHsm(module ?? '')
    hsm.makeToken(TOKEN_LABEL)
    far = await startFarNode()
  })
  afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))
  afterAll(async () => {
    await far.stop()
    hsm.remove()
  })

  const withPin = (pin: string): StoaEnvironment => ({
    STOA_INTERLEDGER__ADDRESS: 'test.stoa',
    STOA_SIGNER__PKCS11_MODULE: module ?? '',
    STOA_SIGNER__PKCS11_TOKEN_LABEL: TOKEN_LABEL,
    STOA_SIGNER__PKCS11_PIN: pin,
  })
  const env = withPin(TEST_PIN)

  /** Until the peer is connected, which takes the secret that the token locks: its token is sealed with it. */
  async function untilConnected(stoa: StoaProcess): Promise<void> {
    await vi.waitFor(
      async () => expect(await stoa.samples()).toMatchObject({ stoa_ilp_connected_peers: 1 }),
      PATIENCE,
    )
  }

  const pay = (stoa: StoaProcess, units: string) =>
    stage.ask(stoa, 'ilp', 'pay', far.payUrl, 'msat', '--send', units)

  test('it pays, starts again and pays; without the token or with a wrong PIN it does not start, and says why', async () => {
    const first = await stage.start({ hasOffice: true, env })
    await vi.waitFor(() => stage.ask(first, 'ilp', 'show'), PATIENCE)
    await far.befriend(stage, first)
    await untilConnected(first)
    expect(await pay(first, '1000')).toMatchObject({ state: 'done', delivered: '1000' })
    expect(await first.stop()).toMatchObject({ code: 0 })
    const { dataDir } = first
    const keys = join(dataDir, 'keys')
    for (const name of ['relay.key.json', 'interledger.secret.json'])
      expect(JSON.parse(readFileSync(join(keys, name), 'utf8'))).toMatchObject({ lockedBy: 'token' })

    const start = ['start', '--data', dataDir, '--port', '0']
    const elsewhere = join(stage.folder(), 'softhsm.conf')
    writeFileSync(elsewhere, `directories.tokendir = ${stage.folder()}\nobjectstore.backend = file\n`)
    const refusedWith = async (others: StoaEnvironment) => {
      const { code, stderr } = await stage.run(start, others)
      expect(code).toBe(1)
      return stderr
    }
    expect(await refusedWith(withPin('not the PIN'))).toContain('does not take the PIN that is set')
    expect(await refusedWith({ ...env, SOFTHSM2_CONF: elsewhere })).toContain('No token with the label stoa')
    expect(await refusedWith({})).toMatch(/relay\.key\.json needs the token that it was made with/)

    const again = await stage.start({ hasOffice: true, env, dataDir })
    await untilConnected(again)
    expect(await pay(again, '2000')).toMatchObject({ state: 'done', delivered: '2000' })
    expect(await far.received()).toBe(3_000n)
    expect(await again.stop()).toMatchObject({ code: 0 })
  })
})
