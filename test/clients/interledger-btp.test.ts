/** Our BTP against the official `ilp-plugin-btp`, which is a client of ours in one half and a server in the other. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deserializeIlpPrepare, serializeIlpFulfill, serializeIlpReject } from 'ilp-packet'
import btp from 'ilp-plugin-btp'
import { afterEach, expect, test, vi } from 'vitest'
import { connectBtp } from '../../src/interledger/btp/index.ts'
import { startBtpServer } from '../../src/interledger/btp/testing/index.ts'
import { decodeIlpPacket, encodeIlpPacket } from '../../src/interledger/packet/index.ts'
import {
  FULFILLMENT,
  fulfillOf,
  prepareOf,
  rejectOf,
  type WatchedEvents,
  watchedEvents,
} from '../../src/interledger/testing/index.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { createLogger } from '../../src/platform/index.ts'

// Its types describe an ES module, and it is none.
const BtpPlugin = btp.default

const silent = createLogger({ level: 'silent', format: 'json' })
const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

function soon(): number {
  return systemClock.nowMs() + 30_000
}

/** Fulfils what says so, and rejects the rest, as a receiver behind the plugin does. */
async function answerAsTheyDo(bytes: Buffer): Promise<Buffer> {
  const { data } = deserializeIlpPrepare(bytes)
  return data.toString().startsWith('pay')
    ? serializeIlpFulfill({ fulfillment: FULFILLMENT, data })
    : serializeIlpReject({ code: 'F02', triggeredBy: 'test.bob', message: 'no', data })
}

/** The same on our side. */
function answeringAsWeDo(): WatchedEvents {
  return watchedEvents({
    onPrepare: async (prepare) =>
      prepare.data.toString().startsWith('pay') ? fulfillOf(prepare) : rejectOf(prepare),
  })
}

/** Fifty packets of each fate to them, and fifty from them, all at once. */
async function exchange(
  plugin: InstanceType<typeof BtpPlugin>,
  link: ReturnType<typeof connectBtp>,
): Promise<void> {
  const names = Array.from({ length: 50 }, (_, index) => [`pay ${index}`, `refuse ${index}`]).flat()
  const expected = names.map((name) => {
    const prepare = prepareOf(name, 0)
    return name.startsWith('pay') ? fulfillOf(prepare) : rejectOf(prepare)
  })
  const fromUs = names.map((name) => link.send(prepareOf(name, soon())))
  const fromThem = names.map(async (name) => {
    const reply = decodeIlpPacket(await plugin.sendData(encodeIlpPacket(prepareOf(name, soon()))))
    return reply.ok ? reply.value : reply.refusal
  })
  expect(await Promise.all(fromUs)).toEqual(expected)
  expect(await Promise.all(fromThem)).toEqual(expected)
}

test('the official client connects to our server, and packets go both ways', async () => {
  const rig = await startBtpServer()
  stops.push(() => rig.stop())
  const events = answeringAsWeDo()
  const link = rig.server.addPeer('alice', events)
  const { host, pathname } = new URL(rig.url)
  const plugin = new BtpPlugin({
    server: `btp+ws://${host}${pathname}`,
    btpAccount: 'alice',
    btpToken: 'token of alice',
  })
  stops.push(() => plugin.disconnect())
  plugin.registerDataHandler(answerAsTheyDo)
  await plugin.connect()
  await exchange(plugin, link)
  rig.cut()
  const openings = (): number => events.heard.filter((what) => what === 'open').length
  await vi.waitUntil(() => openings() === 2 && plugin.isConnected(), { timeout: 10_000 })
  await exchange(plugin, link)
})

test('our client connects to the official server, and packets go both ways', async () => {
  const port = await freePort()
  const plugin = new BtpPlugin({ listener: { port, secret: 'token of alice' } })
  stops.push(() => plugin.disconnect())
  plugin.registerDataHandler(answerAsTheyDo)
  const connected = plugin.connect()
  const link = connectBtp({
    url: `btp+ws://127.0.0.1:${port}`,
    token: 'token of alice',
    username: 'alice',
    events: answeringAsWeDo(),
    clock: systemClock,
    logger: silent,
  })
  stops.push(() => link.close())
  await connected
  await vi.waitUntil(() => link.isConnected)
  await exchange(plugin, link)
  expect(await link.ask('stoa.reconcile', Buffer.from('?'), 5_000)).toBeUndefined()
})

test('the official server refuses a wrong token, and our client says that it is not connected', async () => {
  const port = await freePort()
  const plugin = new BtpPlugin({ listener: { port, secret: 'token of alice' } })
  stops.push(() => plugin.disconnect())
  // It never comes to be connected, and never says so.
  plugin.connect().catch(() => undefined)
  const refusals: string[] = []
  const logger = silent.child({})
  logger.warn = (...args: unknown[]) => void refusals.push(JSON.stringify(args))
  const link = connectBtp({
    url: `btp+ws://127.0.0.1:${port}`,
    token: 'wrong',
    events: answeringAsWeDo(),
    clock: systemClock,
    logger,
  })
  stops.push(() => link.close())
  await vi.waitUntil(() => refusals.some((refusal) => refusal.includes('F00 NotAcceptedError')))
  expect(link.isConnected).toBe(false)
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A TCP server's address is an AddressInfo.
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
