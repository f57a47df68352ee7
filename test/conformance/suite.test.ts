/** The suite judges relays; here it is judged itself: relays that do not think must not pass. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Report, runConformance } from './index.ts'

type Reply = (message: readonly unknown[]) => readonly unknown[] | undefined

const closers: (() => void)[] = []

afterEach(() => {
  for (const close of closers.splice(0)) close()
})

const judgedSections = [1, 2, 3, 7, 13, 15, 16, 17, 18, 22]
const claimedNips = [1, 9, 17, 40, 42, 45, 50, 62, 67, 77]

test('a relay that accepts every event and stores none passes no row, but for an event nobody hears', async () => {
  const report = await judge((message) => {
    const id = idOf(message)
    if (message[0] === 'EVENT') return id === undefined ? ['NOTICE', 'what?'] : ['OK', id, true, '']
    if (message[0] === 'REQ') return ['EOSE', message[1]]
    return undefined
  })
  expect(passedIn(report).filter((id) => id !== 'K-16')).toEqual([])
})

test('a relay that refuses every event and every REQ passes no row', async () => {
  const report = await judge((message) => {
    const id = idOf(message)
    if (message[0] === 'EVENT')
      return id === undefined ? ['NOTICE', 'what?'] : ['OK', id, false, 'invalid: no']
    if (message[0] === 'REQ')
      return isFence(message) ? ['EOSE', message[1]] : ['CLOSED', message[1], 'invalid: no']
    return undefined
  })
  expect(passedIn(report)).toEqual([])
})

test('a relay that never answers passes no row', async () => {
  const report = await judge(() => undefined)
  expect(passedIn(report)).toEqual([])
  expect(report.failed).toBeGreaterThan(80)
})

test('an address without a relay is an error, not a report', async () => {
  await expect(runConformance({ url: 'ws://127.0.0.1:1' })).rejects.toThrow('ECONNREFUSED')
})

async function judge(reply: Reply): Promise<Report> {
  const url = await startRelay(reply)
  return runConformance({ url, sections: judgedSections, answerMs: 150, quietMs: 20, concurrency: 12 })
}

/** A relay of one rule, without memory. */
async function startRelay(reply: Reply): Promise<string> {
  const http = createServer((_request, response) =>
    response.end(JSON.stringify({ name: 'thoughtless', supported_nips: claimedNips })),
  )
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket) => socket.on('message', (data) => answer(socket, data.toString(), reply)))
  closers.push(() => {
    for (const socket of sockets.clients) socket.terminate()
    http.close()
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  return `ws://127.0.0.1:${isAddress(address) ? address.port : 0}`
}

function isAddress(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}

function answer(socket: WebSocket, text: string, reply: Reply): void {
  const message = parse(text)
  const response = Array.isArray(message) ? reply(message) : ['NOTICE', 'what?']
  if (response !== undefined) socket.send(JSON.stringify(response))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function idOf([, event]: readonly unknown[]): unknown {
  return typeof event === 'object' && event !== null && 'id' in event ? event.id : undefined
}

function isFence([, id]: readonly unknown[]): boolean {
  return String(id).startsWith('fence')
}

function passedIn(report: Report): string[] {
  return report.results.filter((result) => result.outcome === 'pass').map((result) => result.id)
}
