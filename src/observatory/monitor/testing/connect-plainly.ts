import { WebSocket } from 'ws'
import { MAX_TALK_MESSAGE_BYTES } from '../relay-talk.ts'

/** As a probe wants to be connected, but with no look at where that leads: for relays of this machine. */
export function connectPlainly(url: string, signal: AbortSignal): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: MAX_TALK_MESSAGE_BYTES,
  })
  signal.addEventListener('abort', () => socket.terminate(), { once: true })
  socket.on('error', reject)
  socket.once('open', () => resolve(socket))
  return promise
}
