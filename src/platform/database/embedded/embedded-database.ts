import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { AppError } from '../../../kernel/index.ts'
import type { Logger } from '../../logging.ts'
import { type DataFolder, initialise, ROLE } from './data-folder.ts'
import { stopLeftServer, takeOwnership } from './ownership.ts'
import { findEmbeddedProgram } from './program.ts'
import { type Server, startServer } from './server.ts'
import { serverUser } from './server-user.ts'
import { type SocketFolder, socketFolder } from './socket-folder.ts'

/** A PostgreSQL of our own: a child of this process, with its cluster in the data folder. */
export interface EmbeddedDatabase {
  /** Over the Unix socket; only the server's user and root can use it. */
  readonly url: string
  /** Of the server that runs now. */
  pid(): number
  stop(): Promise<void>
}

export interface EmbeddedDatabaseOptions {
  /** The program's data folder; the cluster is `postgres` in it. */
  readonly dataDir: string
  readonly logger: Logger
}

const CLUSTER = 'postgres'
const DATABASE = 'stoa'
/** How often somebody else may be quicker before we give up. */
const MAX_STARTS = 5
const START_PAUSE_MS = 200
const RESTART_PAUSE_MS = 200
const MAX_RESTART_PAUSE_MS = 30_000

/**
 * Makes the cluster when there is none, starts the server, and keeps it running until `stop`: one that ends by itself is
 * started again. Throws `DATABASE_LOCKED` when another program has the folder.
 */
export async function startEmbeddedDatabase({
  dataDir,
  logger,
}: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  mkdirSync(dataDir, { recursive: true })
  // The real path: the same folder has one socket and one lock, by whatever name it is reached.
  const folder = join(realpathSync(dataDir), CLUSTER)
  const user = serverUser()
  const data: DataFolder = { program: findEmbeddedProgram(realpathSync(dataDir), user), user, folder }
  const startedMs = performance.now()
  const isNew = await initialise(data)
  const initialisedMs = performance.now()
  const socket = socketFolder(folder, user)
  const keeper = new ServerKeeper(data, socket, logger)
  await keeper.start()
  logger.info(
    {
      isNew,
      initialiseMs: Math.round(initialisedMs - startedMs),
      startMs: Math.round(performance.now() - initialisedMs),
    },
    'database.server_started',
  )
  return {
    url: `postgresql://${ROLE}@${encodeURIComponent(socket.path)}/${DATABASE}`,
    pid: () => keeper.pid(),
    stop: () => keeper.stop(),
  }
}

/** The server and the session that says it is ours, across restarts. */
class ServerKeeper {
  readonly #data: DataFolder
  readonly #socket: SocketFolder
  readonly #logger: Logger
  readonly #stopping = new AbortController()
  #server: Server | undefined
  #session: Client | undefined
  #restarting: Promise<void> | undefined

  constructor(data: DataFolder, socket: SocketFolder, logger: Logger) {
    this.#data = data
    this.#socket = socket
    this.#logger = logger
  }

  pid(): number {
    return this.#server?.pid ?? 0
  }

  async start(): Promise<void> {
    const server = await this.#startFirst()
    try {
      this.#session = await takeOwnership(this.#socket.path, this.#data.folder)
      await createDatabase(this.#session)
    } catch (error) {
      await server.stop()
      throw error
    }
    this.#server = server
    void server.exited.then((lastWords) => this.#onExit(server, lastWords))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#restarting
    await this.#session?.end()
    await this.#server?.stop()
  }

  /** Another program may start on the folder at the same moment: then the one of the two servers that is quicker decides. */
  async #startFirst(): Promise<Server> {
    const { folder } = this.#data
    for (let attempt = 1; ; attempt++) {
      await stopLeftServer(this.#socket.path, folder, this.#logger)
      const started = await startServer(this.#data, this.#socket, this.#logger)
      if ('server' in started) return started.server
      if (attempt === MAX_STARTS) {
        throw new AppError('DATABASE_LOCKED', `The database in ${folder} is in use: ${started.folderInUse}`, {
          facts: { folder },
        })
      }
      await delay(START_PAUSE_MS)
    }
  }

  #onExit(server: Server, lastWords: string): void {
    if (this.#stopping.signal.aborted || this.#server !== server) return
    this.#logger.error({ pid: server.pid, lastWords }, 'database.server_ended')
    this.#server = undefined
    this.#restarting = this.#restart()
  }

  async #restart(): Promise<void> {
    for (let pauseMs = RESTART_PAUSE_MS; !this.#stopping.signal.aborted; pauseMs *= 2) {
      try {
        await this.#session?.end()
        await this.start()
        this.#logger.info({ pid: this.pid() }, 'database.server_restarted')
        return
      } catch (err) {
        this.#logger.error({ err }, 'database.server_restart_failed')
      }
      // Aborting it is how `stop` ends the wait.
      await delay(Math.min(pauseMs, MAX_RESTART_PAUSE_MS), undefined, {
        signal: this.#stopping.signal,
      }).catch(() => {})
    }
  }
}

async function createDatabase(session: Client): Promise<void> {
  const { rowCount } = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
  if (rowCount === 0) await session.query(`CREATE DATABASE ${DATABASE}`)
}
