/** The roles of Stoa in processes of their own: one for clients and operators, two that may be the Interledger node. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { authorizationOf, httpAuthEvent } from '../conformance/kit/http-auth.ts'
import { authorNamed } from './authors.ts'
import { type FarNode, startFarNode } from './far-node.ts'
import { noServicesBecause, type SharedServices, startSharedServices } from './shared-services.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 60_000, interval: 100 }
const owner = authorNamed('owner')

if (noServicesBecause !== undefined)
  console.warn(`SKIPPED: the Interledger node in processes of its own, since ${noServicesBecause}`)

describe.skipIf(noServicesBecause !== undefined)(
  'a process for clients and operators, two for packets',
  () => {
    const stage = new Stage()
    let services: SharedServices
    let far: FarNode

    beforeAll(async () => {
      services = await startSharedServices()
      far = await startFarNode()
    })
    afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))
    afterAll(async () => {
      await far.stop()
      await services.stop()
    })

    test('an operator pays through the one by whichever of the two is the node; killed, that is followed by the other, which pays nothing twice', async () => {
      const env = { ...services.env, STOA_INTERLEDGER__ADDRESS: 'test.stoa' }
      const [api, ...packets] = await Promise.all([
        stage.start({ env, roles: ['relay', 'api', 'jobs'] }),
        stage.start({ env, roles: ['ilp'] }),
        stage.start({ env, roles: ['ilp'] }),
      ])
      await vi.waitFor(
        async () =>
          expect(new Set(await Promise.all(packets.map(standing)))).toEqual(
            new Set(['leading', 'standing-by']),
          ),
        PATIENCE,
      )
      const [node, spare] = (await standing(packets[0])) === 'leading' ? packets : packets.toReversed()
      expect(await standing(api)).toBeUndefined()
      await stage.ask(api, 'admin', 'staff', 'grant', 'owner', owner.pubkey)

      await far.befriend(stage, api)
      await untilConnected(api)

      const to = far.payUrl
      const before = await byOwner(api, 'pay', { key: 'before', to, asset: 'msat', send: '1000' })
      expect(before).toMatchObject({ state: 'done', sent: '1000', delivered: '1000' })

      await node?.kill()
      await vi.waitFor(async () => expect(await standing(spare)).toBe('leading'), PATIENCE)
      await untilConnected(api)
      expect(await byOwner(api, 'pay', { key: 'after', to, asset: 'msat', send: '2000' })).toMatchObject({
        state: 'done',
        delivered: '2000',
      })
      // What the first has paid the second knows, and does not pay again.
      expect(await byOwner(api, 'pay', { key: 'before', to, asset: 'msat', send: '1000' })).toEqual(before)
      expect(await byOwner(api, 'peers')).toMatchObject([{ id: 'far', balance: '-3000' }])
      expect(await far.received()).toBe(3_000n)
      expect(await stage.ask(api, 'ledger', 'trial-balance')).toMatchObject([
        { asset: 'msat', isBalanced: true },
      ])
      for (const process of [api, spare]) expect(await process?.stop()).toMatchObject({ code: 0 })
    })
  },
)

/** What `/health` says of the Interledger node; undefined where it never is. */
async function standing(process: StoaProcess | undefined): Promise<string | undefined> {
  if (process === undefined) return undefined
  const response = await fetch(process.httpUrl('/health'))
  // The shape is that of `platform/http.ts`.
  const { components } = (await response.json()) as { components: { interledger?: { is: string } } }
  return components.interledger?.is
}

/** As the dashboard of a process that is not the node shows it, which asks the one that is. */
async function untilConnected(api: StoaProcess): Promise<void> {
  const seen = { address: 'test.stoa', isActive: false, peers: 1, connectedPeers: 1 }
  await vi.waitFor(async () => expect(await byOwner(api)).toMatchObject(seen), PATIENCE)
}

/** `/dashboard/interledger/…` over HTTP: a change when there is something to say. */
async function byOwner(api: StoaProcess, action?: string, said?: object): Promise<unknown> {
  const url = api.httpUrl(`/dashboard/interledger${action === undefined ? '' : `/${action}`}`)
  const body = said === undefined ? {} : { body: JSON.stringify(said) }
  const method = said === undefined ? 'GET' : 'POST'
  const authorization = authorizationOf(
    httpAuthEvent({ secret: owner.secretKey, pubkey: owner.pubkey }, { method, url, ...body }),
  )
  const headers = { authorization, ...(said !== undefined && { 'content-type': 'application/json' }) }
  const response = await fetch(url, { method, headers, ...body })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`${url} was answered ${response.status}: ${JSON.stringify(answer)}`)
  return answer
}
