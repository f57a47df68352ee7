import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../platform/bus/testing/index.ts'
import { eventOfNewKey, openTestCollector, startMisbehavingRelay } from './testing/index.ts'

const stops: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const ONION = `ws://${'a'.repeat(56)}.onion`

/** A SOCKS 5 proxy that leads every name to one port of this machine, or nowhere. */
async function startProxy(port: number | undefined) {
  const asked: string[] = []
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]))
      socket.once('data', (request: Buffer) => {
        const length = request.readUInt8(4)
        asked.push(`${request.toString('latin1', 5, 5 + length)}:${request.readUInt16BE(5 + length)}`)
        socket.write(Buffer.from([5, port === undefined ? 4 : 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        if (port === undefined) return
        const target = connect(port, '127.0.0.1')
        open.add(target)
        target.on('error', () => undefined)
        socket.pipe(target).pipe(socket)
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP port was asked for')
  return { url: `socks5://127.0.0.1:${address.port}`, asked }
}

test('an onion service is read through the proxy, which alone hears its name', async () => {
  const event = eventOfNewKey({})
  const relay = await startMisbehavingRelay({ events: [event] })
  stops.push(() => relay.stop())
  const proxy = await startProxy(relay.port)
  const settings = { allowPrivate: false, onionProxy: proxy.url }
  const watched = await openTestCollector({ seeds: [ONION], settings })
  stops.push(() => watched.stop())
  await eventually(() => watched.stateOf(ONION) === 'live')
  expect(watched.idsOf(ONION)).toEqual(new Set([event.id]))
  expect(new Set(proxy.asked)).toEqual(new Set([`${'a'.repeat(56)}.onion:80`]))
})

test('a service that the proxy does not reach fails as any other relay', async () => {
  const proxy = await startProxy(undefined)
  const settings = { allowPrivate: false, onionProxy: proxy.url }
  const watched = await openTestCollector({ seeds: [ONION], settings })
  stops.push(() => watched.stop())
  await eventually(() => watched.stateOf(ONION) === 'waiting')
  expect(watched.statusOf(ONION)).toMatchObject({ failures: 1, reason: 'the proxy could not connect (4)' })
})
