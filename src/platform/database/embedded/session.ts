import { Client, DatabaseError } from 'pg'
import { ROLE } from './data-folder.ts'

/** The database that is always there; locks and housekeeping live in it. */
const HOUSE = 'postgres'
/** `cannot_connect_now`: starting, stopping or recovering. */
const CANNOT_CONNECT_NOW = '57P03'
const CONNECT_TIMEOUT_MS = 5_000

/** Opens one session with the server whose socket is in this folder. */
export async function openSession(socketFolder: string): Promise<Client> {
  const client = new Client({
    host: socketFolder,
    user: ROLE,
    database: HOUSE,
    application_name: 'stoa owner',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  // A session that breaks says so by an event; whoever needs it sees it at the next question.
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Whether a server is there: it answers, it is there and not ready, or nobody is. */
export async function knock(socketFolder: string): Promise<'answers' | 'busy' | 'nobody'> {
  try {
    const client = await openSession(socketFolder)
    await client.end()
    return 'answers'
  } catch (error) {
    return error instanceof DatabaseError && error.code === CANNOT_CONNECT_NOW ? 'busy' : 'nobody'
  }
}
