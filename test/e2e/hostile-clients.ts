/**
 * Clients that mean no good, each a function of a seed: it does its worst for a while over raw sockets and goes, whatever
 * the relay does to it. None of them judges; the honest client beside them does.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, type Random } from '../../bench/dataset/random.ts'
import { authorNamed, eventBy } from './authors.ts'

export interface Attack {
  readonly url: string
  readonly random: Random
  /** When it ends, in the time of `Date.now`. */
  readonly untilMs: number
}

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** All kinds of hostile clients by what they do. */
export const hostileClients: Readonly<Record<string, (attack: Attack) => Promise<void>>> = {
  'says all kinds of nonsense': (attack) =>
    repeatedly(attack, async (socket) => {
      for (let n = 0; n < 60; n++) write(socket, textFrame(nonsense(attack.random)))
      await sleep(20)
    }),
  'nests, counts and spells to the limits': (attack) =>
    repeatedly(attack, async (socket) => {
      for (const text of extremes(attack.random)) write(socket, textFrame(text))
      await sleep(50)
    }),
  'sends bytes that are no frames': (attack) =>
    repeatedly(attack, async (socket) => {
      write(socket, noise(attack.random, 1 + attack.random.below(4_000)))
      await sleep(5)
    }),
  'sends frames that break the rules': (attack) =>
    repeatedly(attack, async (socket) => {
      for (let n = 0; n < 20; n++) write(socket, brokenFrame(attack.random))
      await sleep(10)
    }),
  'speaks no WebSocket': async (attack) => {
    while (Date.now() < attack.untilMs) {
      const socket = open(attack.url)
      const { random } = attack
      const requests = [
        noise(random, 300),
        Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(random.below(100_000))}\r\n\r\n`),
        Buffer.from('GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
        Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n'),
        Buffer.from('\r\n'.repeat(1_000)),
      ]
      write(socket, random.pick(requests))
      await sleep(random.below(20))
      socket.destroy()
    }
  },
  'claims and sends messages of 16 MiB': (attack) =>
    repeatedly(attack, async (socket) => {
      const size = 16 * 1024 * 1024
      write(socket, frameHead(OPCODE.text, size, true))
      const chunk = Buffer.alloc(256 * 1024, attack.random.below(256))
      for (let sent = 0; sent < size && !socket.destroyed; sent += chunk.length) {
        write(socket, chunk)
        await drained(socket)
      }
    }),
  'claims more bytes than there are in the world, and sends few': (attack) =>
    repeatedly(attack, async (socket) => {
      const head = Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])
      write(socket, attack.random.chance(0.5) ? head : frameHead(OPCODE.text, 1_000_000, true))
      write(socket, Buffer.alloc(100))
      await sleep(200)
    }),
  'sends a message in a thousand pieces, and never its end': (attack) =>
    repeatedly(attack, async (socket) => {
      write(socket, frame(OPCODE.text, Buffer.from('["REQ"'), false))
      for (let n = 0; n < 1_000; n++)
        write(socket, frame(OPCODE.continuation, Buffer.alloc(attack.random.below(9), ' '), false))
      await sleep(100)
    }),
  'floods with pings and reads nothing': (attack) =>
    repeatedly(attack, async (socket) => {
      socket.pause()
      const pings = Buffer.concat(
        Array.from({ length: 2_000 }, () => frame(OPCODE.ping, noise(attack.random, 125))),
      )
      for (let n = 0; n < 20 && !socket.destroyed; n++) {
        write(socket, pings)
        await drained(socket)
      }
    }),
  'connects, and says nothing more': async (attack) => {
    const sockets = Array.from({ length: 300 }, () => open(attack.url))
    for (const socket of sockets.slice(150)) shakeHands(socket, attack.url)
    await sleep(Math.max(0, attack.untilMs - Date.now()))
    for (const socket of sockets) socket.destroy()
  },
  'comes and goes in the middle of a word': async (attack) => {
    while (Date.now() < attack.untilMs) {
      const socket = open(attack.url)
      shakeHands(socket, attack.url)
      const text = textFrame(nonsense(attack.random))
      write(socket, text.subarray(0, attack.random.below(text.length)))
      await sleep(attack.random.below(6))
      if (attack.random.chance(0.5)) socket.resetAndDestroy()
      else socket.destroy()
    }
  },
  'holds ten thousand subscriptions': async (attack) => {
    const sockets = Array.from({ length: 50 }, () => open(attack.url))
    for (const socket of sockets) {
      shakeHands(socket, attack.url)
      const requests = Array.from({ length: 200 }, (_, n) =>
        textFrame(JSON.stringify(['REQ', `s${n}`, { ...someFilter(attack.random), limit: 1 }])),
      )
      write(socket, Buffer.concat(requests))
      await sleep(10)
    }
    await sleep(Math.max(0, attack.untilMs - Date.now()))
    for (const socket of sockets) socket.destroy()
  },
  'asks with ten thousand values': (attack) =>
    repeatedly(attack, async (socket) => {
      const values = Array.from({ length: attack.random.chance(0.5) ? 10_000 : 4_900 }, () =>
        noise(attack.random, 32).toString('hex'),
      )
      const lists = [
        { authors: values },
        { ids: values },
        { '#e': values },
        { authors: values, kinds: [1, 7], '#t': ['x'] },
      ]
      for (const filter of lists) write(socket, textFrame(JSON.stringify(['REQ', 'big', filter])))
      write(socket, textFrame(JSON.stringify(['COUNT', 'big', { authors: values }])))
      await drained(socket)
      await sleep(100)
    }),
  'asks for everything and does not read': (attack) =>
    repeatedly(attack, async (socket) => {
      socket.pause()
      for (let n = 0; n < 100; n++) write(socket, textFrame(JSON.stringify(['REQ', `all${n}`, {}])))
      await sleep(500)
    }),
  'publishes forgeries and oddities of its own': (attack) =>
    repeatedly(attack, async (socket) => {
      const event = eventBy(authorNamed('mallory'), {
        kind: attack.random.below(65_536),
        tags: Array.from({ length: attack.random.below(40) }, () => ['t', oddText(attack.random)]),
        content: oddText(attack.random).repeat(attack.random.below(200)),
      })
      write(socket, textFrame(JSON.stringify(['EVENT', event])))
      for (const forged of forgeriesOf(event, attack.random))
        write(socket, textFrame(JSON.stringify(['EVENT', forged])))
      await sleep(20)
    }),
}

/** The attack with a stream of random numbers of its own. */
export function attackOn(
  url: string,
  name: string,
  { seed, untilMs }: { readonly seed: string; readonly untilMs: number },
): Attack {
  return { url, random: createRandom(`${seed}/${name}`), untilMs }
}

/** Connects and does it, over and over, on a new connection whenever the relay has had enough. */
async function repeatedly(attack: Attack, deed: (socket: Socket) => Promise<void>): Promise<void> {
  let socket: Socket | undefined
  while (Date.now() < attack.untilMs) {
    if (socket === undefined || socket.destroyed || attack.random.chance(0.1)) {
      socket?.destroy()
      socket = open(attack.url)
      shakeHands(socket, attack.url)
      await sleep(5)
    }
    await deed(socket)
  }
  socket?.destroy()
}

function open(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  // What is lost here is of no interest, nor what the relay says.
  socket.on('error', () => undefined)
  socket.resume()
  return socket
}

function shakeHands(socket: Socket, url: string): void {
  write(
    socket,
    Buffer.from(
      `GET / HTTP/1.1\r\nHost: ${new URL(url).host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    ),
  )
}

function write(socket: Socket, bytes: Buffer): void {
  if (!socket.destroyed) socket.write(bytes)
}

/** Waits until the relay has taken what was written, but not for a relay that does not read. */
async function drained(socket: Socket): Promise<void> {
  for (let waited = 0; waited < 20 && socket.writableLength > 0 && !socket.destroyed; waited++) await sleep(5)
}

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** Some bytes: a piece of one long draw, since drawing each would keep the attacker busier than the relay. */
function noise(random: Random, length: number): Buffer {
  const from = random.below(NOISE.length - length)
  return NOISE.subarray(from, from + length)
}

const NOISE = (() => {
  const random = createRandom('noise')
  return Buffer.from(Array.from({ length: 64 * 1024 }, () => random.below(256)))
})()

function textFrame(text: string | Buffer): Buffer {
  return frame(OPCODE.text, Buffer.from(text))
}

function frame(opcode: number, payload: Buffer, isFinal = true): Buffer {
  const head = frameHead(opcode, payload.length, isFinal)
  const masked = Buffer.concat([head, payload])
  for (let at = head.length, index = 0; at < masked.length; at++, index++) masked[at]! ^= MASK[index & 3]!
  return masked
}

/** The head of a masked frame. */
function frameHead(opcode: number, length: number, isFinal: boolean): Buffer {
  const first = (isFinal ? 0x80 : 0) | opcode
  const long = Buffer.alloc(10)
  long[0] = first
  long[1] = 0xff
  long.writeBigUInt64BE(BigInt(length), 2)
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65_536
        ? Buffer.from([first, 0xfe, length >> 8, length & 0xff])
        : long
  return Buffer.concat([head, MASK])
}

function brokenFrame(random: Random): Buffer {
  const frames = [
    () => frame(3 + random.below(5), noise(random, 9)),
    () => frame(OPCODE.ping, noise(random, 126 + random.below(500))),
    () => frame(OPCODE.close, Buffer.from([random.below(256), random.below(256), 0xff, 0xfe])),
    () => frame(OPCODE.close, Buffer.from([3])),
    () => frame(OPCODE.continuation, noise(random, 20)),
    () => frame(OPCODE.ping, noise(random, 9), false),
    () => frame(OPCODE.binary, noise(random, random.below(2_000))),
    () => frame(OPCODE.text, Buffer.from([0x22, 0xc3, 0x28, 0xff])),
    // Not masked.
    () => Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('hello')]),
    () => Buffer.from([0xf1, 0x80, 1, 2, 3, 4]),
    // A short length in the long form.
    () => Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5]),
  ]
  return random.pick(frames)()
}

const VERBS = [
  'EVENT',
  'REQ',
  'CLOSE',
  'COUNT',
  'AUTH',
  'NEG-OPEN',
  'NEG-MSG',
  'NEG-CLOSE',
  'OK',
  'event',
  '',
  '__proto__',
]

/** A message that is something like one of the protocol. */
function nonsense(random: Random): string {
  const verb = random.pick(VERBS)
  const rest = Array.from({ length: random.below(5) }, () => anything(random, 3))
  const text = JSON.stringify([verb, ...rest])
  if (random.chance(0.8)) return text
  // A character too few, or another one.
  const at = random.below(text.length)
  return (
    text.slice(0, at) +
    (random.chance(0.5) ? '' : String.fromCharCode(random.below(128))) +
    text.slice(at + 1)
  )
}

function anything(random: Random, depth: number): unknown {
  const kinds = [
    () => null,
    () => random.chance(0.5),
    () => random.pick(NUMBERS),
    () => oddText(random),
    () => noise(random, random.below(40)).toString('hex'),
    () => someFilter(random),
    () => Array.from({ length: random.below(6) }, () => (depth > 0 ? anything(random, depth - 1) : 0)),
    () =>
      Object.fromEntries(
        Array.from({ length: random.below(6) }, () => [
          random.pick(MEMBERS),
          depth > 0 ? anything(random, depth - 1) : 0,
        ]),
      ),
  ]
  return random.pick(kinds)()
}

const NUMBERS = [0, -0, 1, -1, 0.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 1_700_000_000]

const MEMBERS = [
  'id',
  'ids',
  'pubkey',
  'authors',
  'kind',
  'kinds',
  'tags',
  'content',
  'sig',
  'created_at',
  'since',
].concat([
  'until',
  'limit',
  '#e',
  '#p',
  '#',
  '#ee',
  '#é',
  'search',
  '__proto__',
  'constructor',
  'toString',
  '',
])

function someFilter(random: Random): Record<string, unknown> {
  const filter: Record<string, unknown> = {}
  if (random.chance(0.4))
    filter.authors = Array.from({ length: 1 + random.below(5) }, () => noise(random, 32).toString('hex'))
  if (random.chance(0.4))
    filter.kinds = Array.from({ length: 1 + random.below(5) }, () => random.below(70_000))
  if (random.chance(0.3)) filter['#t'] = [oddText(random)]
  if (random.chance(0.3)) filter['#e'] = [noise(random, 32).toString('hex')]
  if (random.chance(0.2)) filter.since = random.below(2 ** 31)
  if (random.chance(0.2)) filter.until = random.below(2 ** 31)
  if (random.chance(0.1)) filter.limit = random.below(10_000)
  return filter
}

const ODD_TEXTS = [
  '',
  'x',
  '\u0000',
  '"',
  '\\',
  '\n\r\t',
  '😀',
  '\ufeff',
  '\u2028',
  '\u202e',
  '\ufffd',
  'é',
  '],["e","',
  '\u007f',
]

function oddText(random: Random): string {
  return Array.from({ length: random.below(6) }, () => random.pick(ODD_TEXTS)).join('')
}

/** What breaks parsers. */
function extremes(random: Random): readonly (string | Buffer)[] {
  const depth = 1_000 + random.below(100_000)
  return [
    '['.repeat(depth),
    `["EVENT",${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}]`,
    `["REQ","x",${'['.repeat(depth)}${']'.repeat(depth)}]`,
    '["REQ","x",{"since":1e400,"until":-1e400}]',
    `["REQ","x",{"limit":${'9'.repeat(5_000)}}]`,
    '["REQ","x",{"kinds":[1e999,-0,0.1,99999999999999999999]}]',
    '["REQ","\\ud800",{}]',
    '["REQ","x",{"#t":["\\udfff\\ud800"]}]',
    '["EVENT",{"id":"\\ud800","content":"\\udc00"}]',
    Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]),
    `["REQ","${'x'.repeat(500_000)}",{}]`,
    `["${'\\u0000'.repeat(50_000)}"]`,
    `["REQ","x"${',{}'.repeat(10_000)}]`,
    `["REQ","x",{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join(',')}}]`,
    '["REQ","x",{"__proto__":{"kinds":[1]},"constructor":{"prototype":{}}}]',
    '',
    ' '.repeat(100_000),
    'null',
    '"EVENT"',
    '[]',
    '[null]',
  ]
}

/** Events that claim what they are not. */
function forgeriesOf(event: ReturnType<typeof eventBy>, random: Random): readonly unknown[] {
  return [
    { ...event, content: `${event.content}x` },
    { ...event, sig: noise(random, 64).toString('hex') },
    { ...event, sig: 'f'.repeat(128) },
    { ...event, pubkey: '0'.repeat(64) },
    { ...event, pubkey: 'f'.repeat(64) },
    { ...event, id: event.id.toUpperCase() },
    { ...event, kind: -1 },
    { ...event, kind: event.kind + 0.5 },
    { ...event, created_at: random.below(2 ** 31) },
    { ...event, tags: [[]] },
    { ...event, tags: [['t', null]] },
    { ...event, tags: Array.from({ length: 13_000 }, () => ['t', 'x']) },
    { ...event, content: 'x'.repeat(300_000) },
  ]
}
