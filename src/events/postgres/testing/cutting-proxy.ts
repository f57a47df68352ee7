import { type AddressInfo, connect, createServer } from 'node:net'

/** Where in a commit the connection breaks. */
type Cut = 'before the commit arrives' | 'before its answer arrives'

/** A way to a PostgreSQL that breaks when it is told to. */
export interface CuttingProxy {
  readonly url: string
  /** Breaks the next connection that commits a change. */
  cutNext(where: Cut): void
  /** How many connections were broken. */
  readonly cuts: number
  close(): void
}

/** Stands in every transaction that changes something, and in no other statement. */
const CHANGE = 'last_group) values'

/** @param socketPath of the server. */
export async function startCuttingProxy(socketPath: string): Promise<CuttingProxy> {
  let armed: Cut | undefined
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(socketPath)
    let isDoomed = false
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    client.on('data', (bytes) => {
      const isCommit = armed !== undefined && bytes.includes(CHANGE)
      if (isCommit) {
        cuts++
        if (armed === 'before the commit arrives') {
          armed = undefined
          end()
          return
        }
        armed = undefined
        isDoomed = true
      }
      upstream.write(bytes)
    })
    // The server answers a commit when it is done, at the end of its last message.
    upstream.on('data', (bytes) => {
      if (!isDoomed) client.write(bytes)
      else if (bytes.includes('COMMIT\0')) end()
    })
    client.on('error', end).on('close', end)
    upstream.on('error', end).on('close', end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `postgres://stoa@127.0.0.1:${port}/postgres`,
    cutNext: (where) => {
      armed = where
    },
    get cuts() {
      return cuts
    },
    close: () => server.close(),
  }
}
