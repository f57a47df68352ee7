/** `/stats/stream`: server-sent events. One request for as long as it lasts, whatever it is told. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Range } from '../../ranges.ts'
import type { ApiContext } from '../api-context.ts'
import { refuseWith } from '../http/refuse.ts'
import { TOO_MANY_READERS } from './live-hub.ts'
import type { Topic } from './topics.ts'

/** A comment, so that proxies see that somebody is there, and we see who is not. */
const HEARTBEAT_MS = 15_000
const HEARTBEAT = ': still here\n\n'
/** After so many milliseconds a browser whose stream has ended comes again. */
const RETRY = 'retry: 3000\n\n'

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies would otherwise wait for more.
  'x-accel-buffering': 'no',
} as const

export interface StreamWish {
  readonly address: string
  readonly range: Range
  readonly topics: readonly Topic[]
}

export async function serveStream(
  { live, streams }: ApiContext,
  reply: FastifyReply,
  { address, range, topics }: StreamWish,
): Promise<FastifyReply> {
  const response = reply.raw
  // Nothing comes after the head of an answer to HEAD, so nothing is watched.
  if (reply.request.method === 'HEAD') return reply.headers(STREAM_HEADERS).send()
  const reader = live.join(address, {
    isFree: () => !response.writableNeedDrain,
    write: ({ text, version }) => response.write(`id: ${idOf(version)}\ndata: ${text}\n\n`),
  })
  if (reader === undefined) return refuseWith(reply, TOO_MANY_READERS)
  reply.hijack()
  response.on('close', () => {
    streams.delete(response)
    reader.leave()
  })
  // It may have gone while it was asked who it is, and would not say so a second time.
  if (response.destroyed) {
    reader.leave()
    return reply
  }
  streams.add(response)
  response.on('drain', () => reader.onFree())
  begin(response, reply)
  for (const topic of topics) reader.want({ topic, range })
  return reply
}

function begin(response: ServerResponse, reply: FastifyReply): void {
  // Those of CORS and of the limits were set before.
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) response.setHeader(name, value)
  response.writeHead(200, STREAM_HEADERS)
  response.write(RETRY)
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(HEARTBEAT)
  }, HEARTBEAT_MS)
  heartbeat.unref()
  response.on('close', () => clearInterval(heartbeat))
}

function idOf(version: string): string {
  return version.replaceAll(/[\r\n\0]/g, '')
}
