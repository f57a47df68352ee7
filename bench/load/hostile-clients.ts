/** Clients that mean harm, each of one kind, from source addresses of their own. */
import { computeEventId } from '../../src/nostr/index.ts'
import { type BenchContext, sleep } from './bench-context.ts'
import { Connection, loopbackAddress, type Target } from './connection.ts'
import { clientFrame } from './frames.ts'
import { REPLY, replyAt } from './relay-reply.ts'

/** They go on and on, with a new connection for every one that the relay ends. */
export class HostileClients {
  readonly #target: Target
  readonly #attacks: readonly Attack[]

  constructor(context: BenchContext, count: number) {
    this.#target = context.target
    const attacks = createAttacks(context)
    this.#attacks = Array.from({ length: count }, (_, index) => attacks[index % attacks.length]!)
  }

  async start(): Promise<void> {
    await Promise.all(
      this.#attacks.map((attack, index) =>
        this.#connect(attack, loopbackAddress(this.#target, HOSTILE_NET, 1 + index)),
      ),
    )
  }

  async #connect(attack: Attack, address: string | undefined): Promise<void> {
    try {
      const connection = await Connection.open(this.#target, address)
      connection.onLost(() => {
        void this.#again(attack, address)
      })
      attack(connection)
    } catch {
      await this.#again(attack, address)
    }
  }

  async #again(attack: Attack, address: string | undefined): Promise<void> {
    await sleep(RECONNECT_MS)
    await this.#connect(attack, address)
  }
}

type Attack = (connection: Connection) => void

const HOSTILE_NET = 2
const RECONNECT_MS = 50
const FORGED_EVENTS = 4000
const DUPLICATED_EVENTS = 1000
const FLOOD_WINDOW = 64
const WIDE_AUTHORS = 500
const WIDE_REQUESTS_OPEN = 4
const UNREAD_REQUESTS = 20
const GARBAGE_FRAMES = 100
const GARBAGE_EVERY_MS = 2

function createAttacks(context: BenchContext): readonly Attack[] {
  const known = Math.min(DUPLICATED_EVENTS, context.storedCount)
  return [
    inReturn(forgedEvents(context), FLOOD_WINDOW),
    wideRequests(context),
    unreadRequests,
    garbage,
    inReturn(
      Array.from({ length: known }, (_, index) => context.dataset.frames(index, index + 1)),
      FLOOD_WINDOW,
    ),
    inReturn(costlyCounts(context), WIDE_REQUESTS_OPEN),
  ]
}

/** Sends the next frame for every message that comes back, so that so many are always under way. */
function inReturn(frames: readonly Buffer[], window: number): Attack {
  return (connection) => {
    let next = 0
    const send = () => connection.write(frames[next++ % frames.length]!)
    connection.handle({ onMessage: send })
    for (let sent = 0; sent < window; sent++) send()
  }
}

/** Events whose ids are right and whose signatures belong to others: nothing but the check can tell. */
function forgedEvents({ dataset }: BenchContext): readonly Buffer[] {
  return Array.from({ length: Math.min(FORGED_EVENTS, dataset.count) }, (_, index) => {
    const event = { ...dataset.event(index), content: `forged ${index}` }
    return clientFrame(JSON.stringify(['EVENT', { ...event, id: computeEventId(event) }]))
  })
}

/** Requests for everything of hundreds of authors, asked again as soon as they are answered, read to the end. */
function wideRequests({ dataset, storedCount }: BenchContext): Attack {
  const authors = new Set<string>()
  for (let index = 0; index < storedCount && authors.size < WIDE_AUTHORS; index++)
    authors.add(dataset.event(index).pubkey)
  const request = (slot: number) =>
    clientFrame(JSON.stringify(['REQ', `w${slot}`, { authors: [...authors], limit: 5000 }]))
  const frames = Array.from({ length: WIDE_REQUESTS_OPEN }, (_, slot) => request(slot))
  return (connection) => {
    let next = 0
    connection.handle({
      onMessage: (buffer, start) => {
        const reply = replyAt(buffer, start)
        if (reply === REPLY.eose || reply === REPLY.closed) connection.write(frames[next++ % frames.length]!)
      },
    })
    for (const frame of frames) connection.write(frame)
  }
}

/** Asks for more than any socket holds, and reads none of it. */
function unreadRequests(connection: Connection): void {
  connection.pause()
  for (let request = 0; request < UNREAD_REQUESTS; request++)
    connection.write(clientFrame(JSON.stringify(['REQ', `u${request}`, { limit: 5000 }])))
}

/** What no relay understands, as fast as it is taken. */
function garbage(connection: Connection): void {
  const texts = [
    '{',
    '["EVENT",{"id":1}]',
    '["REQ","x",{"ids":["no id"]}]',
    `[${'['.repeat(500)}`,
    '["NOPE"]',
  ]
  const frames = Buffer.concat(
    Array.from({ length: GARBAGE_FRAMES }, (_, index) => clientFrame(texts[index % texts.length]!)),
  )
  const timer = setInterval(() => {
    if (connection.isClosed) clearInterval(timer)
    else if (!connection.isCongested) connection.write(frames)
  }, GARBAGE_EVERY_MS)
}

function costlyCounts({ dataset, storedCount }: BenchContext): readonly Buffer[] {
  const keys = Array.from(
    { length: Math.min(WIDE_AUTHORS, storedCount) },
    (_, index) => dataset.event(index).pubkey,
  )
  return [{ '#p': keys, since: 1 }, { authors: keys, since: 1 }, { search: 'the a of' }].map((filter) =>
    clientFrame(JSON.stringify(['COUNT', 'c', filter])),
  )
}
