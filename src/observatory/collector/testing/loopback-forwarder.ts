import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A way to relays over loopback that can be cut: for them to seem gone, all at once. */
export interface LoopbackForwarder {
  /** `ws://` URL through which the relay at that port is reached while the way is open. */
  add(port: number): Promise<string>
  /** Ends all connections, and refuses new ones until `restore`. */
  cut(): void
  /** Nothing comes through any more, and nobody is told: as when a cable is pulled. New connections are not answered. */
  silence(): void
  restore(): Promise<void>
  stop(): Promise<void>
}

export function createLoopbackForwarder(): LoopbackForwarder {
  const gates: Gate[] = []
  return {
    add: async (port) => {
      const gate = new Gate(port)
      gates.push(gate)
      await gate.open()
      return `ws://127.0.0.1:${gate.port}`
    },
    cut: () => {
      for (const gate of gates) gate.close()
    },
    silence: () => {
      for (const gate of gates) gate.silence()
    },
    restore: async () => {
      for (const gate of gates) await gate.open()
    },
    stop: async () => {
      for (const gate of gates) gate.close()
    },
  }
}

class Gate {
  port = 0
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #isSilent = false

  constructor(target: number) {
    this.#target = target
  }

  async open(): Promise<void> {
    this.#isSilent = false
    for (const socket of this.#sockets) socket.resume()
    if (this.#server !== undefined) return
    const server = createServer((socket) => this.#join(socket))
    this.#server = server
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('a TCP port was asked for')
    this.port = address.port
  }

  close(): void {
    this.#server?.close()
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  silence(): void {
    this.#isSilent = true
    for (const socket of this.#sockets) socket.pause()
  }

  #join(socket: Socket): void {
    if (this.#isSilent) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
      return
    }
    const other = connect(this.#target, '127.0.0.1')
    for (const [one, another] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        this.#sockets.delete(one)
        another.destroy()
      })
      one.pipe(another)
    }
  }
}
