/** Connections to onion services, through a SOCKS 5 proxy (RFC 1928) such as Tor: names are resolved by it alone. */
import type { ClientRequestArgs } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const HANDSHAKE_TIMEOUT_MS = 60_000
const GREETING = Buffer.from([5, 1, 0])
const GREETING_ANSWER_BYTES = 2
/** Version, answer, reserved, an IPv4 address and a port: what proxies for onions send. */
const CONNECT_ANSWER_BYTES = 10

type CreateConnection = NonNullable<ClientRequestArgs['createConnection']>

/**
 * Makes `createConnection` for `http.request`.
 *
 * @param proxy `socks5://host:port`.
 */
export function createOnionConnection(proxy: string, isTls: boolean): CreateConnection {
  const { hostname, port } = new URL(proxy)
  return (target, done): undefined => {
    const host = target.host ?? ''
    const socket = connect({ host: hostname, port: Number(port || 1080) })
    const fail = (error: Error) => {
      socket.destroy()
      done(error, socket)
    }
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => fail(new Error('the proxy did not answer')))
    socket.once('error', fail)
    const open = async () => {
      await shakeHands(socket, host, Number(target.port))
      // Until the request listens itself, an error must not find nobody.
      socket.on('error', () => undefined)
      socket.setTimeout(0)
      return isTls ? connectTls({ socket, servername: host }) : socket
    }
    callBack(open(), done, fail)
  }
}

/** As `http` wants to be told: outside of the promise, so that what it throws is its own. */
function callBack(
  opened: Promise<Socket>,
  done: (error: Error | null, socket: Socket) => void,
  fail: (error: Error) => void,
): void {
  opened.then(
    (socket) => setImmediate(done, null, socket),
    (error: unknown) => fail(error instanceof Error ? error : new Error('the proxy failed')),
  )
}

async function shakeHands(socket: Socket, host: string, port: number): Promise<void> {
  const name = Buffer.from(host, 'latin1')
  socket.write(GREETING)
  const greeting = await readBytes(socket, GREETING_ANSWER_BYTES)
  if (greeting[0] !== 5 || greeting[1] !== 0) throw new Error('the proxy wants to know who we are')
  const portBytes = Buffer.from([port >> 8, port & 0xff])
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, portBytes]))
  const answer = await readBytes(socket, CONNECT_ANSWER_BYTES)
  if (answer[1] !== 0) throw new Error(`the proxy could not connect (${answer[1]})`)
}

function readBytes(socket: Socket, count: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const look = () => {
    const bytes: Buffer | null = socket.read(count)
    if (bytes === null) return
    socket.off('readable', look)
    resolve(bytes)
  }
  socket.on('readable', look)
  socket.once('close', () => reject(new Error('the proxy closed the connection')))
  look()
  return promise
}
