import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { ADVISORY_LOCKS } from '../database/index.ts'
import type { DutyName } from './terms.ts'

/** Of this program's locks, those that leaders hold. */
const LEADER_LOCKS: Readonly<Record<DutyName, number>> = {
  services: ADVISORY_LOCKS.servicesLeader,
  ilp: ADVISORY_LOCKS.ilpLeader,
  observatory: ADVISORY_LOCKS.observatoryLeader,
}
const CONNECT_TIMEOUT_MS = 5_000
/** How long an answer may take before the connection is taken for lost. */
const ANSWER_TIMEOUT_MS = 4_000
/** How long a goodbye may take. */
const END_TIMEOUT_MS = 1_000

/**
 * The server takes a client for dead that has not answered it for 20 seconds. That is longer than a leader needs to
 * find out for itself (`ANSWER_TIMEOUT_MS` behind a pulse), so it has stopped before the lock is free.
 */
const KEEPALIVE = 'SET tcp_keepalives_idle = 8; SET tcp_keepalives_interval = 4; SET tcp_keepalives_count = 3'
/** The session is idle between pulses, and a statement of its own takes no time. */
const SESSION = 'SET idle_session_timeout = 0; SET statement_timeout = 0'

/**
 * A connection of its own to the database, for a lock that is held as long as it stands: when the process dies, the
 * system closes the connection and the server gives the lock to the next.
 */
export class LockSession {
  readonly client: Client
  /** Resolves with the reason when the connection is lost, and with it the lock. */
  readonly lost: Promise<string>
  #lose: (reason: string) => void = () => {}
  #pulse: NodeJS.Timeout | undefined

  private constructor(client: Client) {
    this.client = client
    this.lost = new Promise((resolve) => {
      this.#lose = resolve
    })
    client.on('error', (error) => this.#lose(error.message))
    client.on('end', () => this.#lose('the connection ended'))
  }

  static async open(url: string): Promise<LockSession> {
    const client = new Client({
      connectionString: url,
      application_name: 'stoa leadership',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
    })
    const session = new LockSession(client)
    try {
      await client.connect()
      await client.query(`${SESSION}; ${KEEPALIVE}`)
      return session
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /** False when another session has it. */
  async tryLock(duty: DutyName): Promise<boolean> {
    const { rows } = await this.client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
      LEADER_LOCKS[duty],
    ])
    return rows[0]?.taken === true
  }

  /** From now on the connection is tried every so often, and taken for lost when nothing comes back. */
  watch(everyMs: number): void {
    this.#pulse = setTimeout(() => {
      this.client.query('SELECT 1').then(
        () => this.watch(everyMs),
        (error: Error) => this.#lose(error.message),
      )
    }, everyMs)
    this.#pulse.unref()
  }

  /** Gives the lock back. Does not wait for a server that says nothing. */
  async close(): Promise<void> {
    clearTimeout(this.#pulse)
    await Promise.race([this.client.end().catch(() => {}), delay(END_TIMEOUT_MS, undefined, { ref: false })])
  }
}
