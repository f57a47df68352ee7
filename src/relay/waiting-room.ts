import type { Server as HttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { AppError } from '../kernel/index.ts'

/** Connections that may wait; the system's own queue takes as many again. */
const MAX_WAITING = 10_000

/**
 * Where clients wait while one program takes the place of another: it has the port already, and answers nobody until
 * the store has changed hands. Nobody is refused, and nobody's address is lost.
 */
export interface WaitingRoom {
  readonly port: number
  /** Hands the port and all who wait to the server that will answer them. */
  moveInto(server: HttpServer): void
  close(): void
}

/** Opens the port beside the program that still has it. Throws `RELAY_LISTEN_FAILED` when that one does not share it. */
export async function openWaitingRoom({
  host,
  port,
}: {
  readonly host: string
  readonly port: number
}): Promise<WaitingRoom> {
  const waiting = new Set<Socket>()
  const room = createServer({ pauseOnConnect: true }, (socket) => {
    if (waiting.size >= MAX_WAITING) {
      socket.destroy()
      return
    }
    waiting.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => waiting.delete(socket))
  })
  await listenBeside(room, host, port)
  return {
    port,
    moveInto: (server) => {
      // The same listening socket from here on, so that no connection falls between the two.
      server.listen(room)
      for (const socket of waiting) {
        socket.removeAllListeners('error')
        server.emit('connection', socket)
        socket.resume()
      }
      waiting.clear()
    },
    close: () => {
      room.close()
      for (const socket of waiting) socket.destroy()
    },
  }
}

function listenBeside(room: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    room.once('error', (cause) => {
      const text = `The port ${host}:${port} cannot be shared with the program that has it: ${cause.message}. Stop it, then start.`
      reject(new AppError('RELAY_LISTEN_FAILED', text, { cause, facts: { host, port } }))
    })
    room.listen({ host, port, reusePort: true }, resolve)
  })
}
