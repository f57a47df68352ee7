/** One process at a time does what is done once. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ComponentHealth } from '../http.ts'
import type { Logger } from '../logging.ts'
import { LockSession } from './lock-session.ts'
import { beginTerm, type DutyName } from './terms.ts'

/** What the leader does, and nobody else. */
export interface Duties {
  /**
   * Begins to do it. What it throws lets another process try.
   *
   * @param term rises with each leader; what is written in its name can be held to it (`holdsTerm`).
   */
  begin(term: number): Promise<void>
  /** Ends what `begin` began, however far it came. */
  end(): Promise<void>
}

export interface LeadershipDeps {
  /** Of the database that the processes share, when it is migrated. Rejects when it never will be. */
  readonly databaseUrl: Promise<string>
  readonly duty: DutyName
  readonly duties: Duties
  readonly logger: Logger
  /** The shortest pause between two tries to take the lead; a random part of it comes on top. Default 1,000. */
  readonly retryMs?: number
  /** How often the leader looks whether its connection still stands. Default 2,000. */
  readonly pulseMs?: number
}

export interface Leadership {
  /** For `/health`: `leading`, `standing-by`, `waiting` (for the database) or `unreachable`. */
  health(): ComponentHealth
  /** Ends the duties, which cannot be gone on with, and lets another process lead; tries again itself some seconds later. */
  resign(): void
  /** Ends the duties, and then lets another process lead. */
  stop(): Promise<void>
}

type State = 'waiting' | 'standing-by' | 'leading' | 'unreachable'

const RETRY_MS = 1_000
const PULSE_MS = 2_000
/** After duties that could not be begun, others get their chance first. */
const FAILED_PAUSE_MS = 15_000

/** For a process that is alone, because nobody else can open its store: it leads at once, in term 0. */
export async function leadAtOnce(duty: DutyName, duties: Duties, logger: Logger): Promise<Leadership> {
  logger.info({ duty, term: 0, isAlone: true }, 'leadership.taken')
  await duties.begin(0)
  return {
    health: () => ({ status: 'ok', is: 'leading', term: 0, isAlone: true }),
    resign: () => {},
    stop: () => duties.end(),
  }
}

/** Begins to try, and returns at once. */
export function startLeadership(deps: LeadershipDeps): Leadership {
  const campaign = new Campaign(deps)
  const running = campaign.run()
  return {
    health: () => campaign.health(),
    resign: () => campaign.resign(),
    stop: async () => {
      campaign.stop()
      await running
    },
  }
}

class Campaign {
  readonly #deps: LeadershipDeps
  readonly #stopping = new AbortController()
  readonly #stopped: Promise<string>
  #state: State = 'waiting'
  #term = 0
  #resign: () => void = () => {}
  /** Said once for each time that it is away. */
  #isUnreachableSaid = false

  constructor(deps: LeadershipDeps) {
    this.#deps = deps
    const { signal } = this.#stopping
    this.#stopped = new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve('the program stops')),
    )
  }

  stop(): void {
    this.#stopping.abort()
  }

  resign(): void {
    this.#resign()
  }

  health(): ComponentHealth {
    const status = this.#state === 'unreachable' ? 'degraded' : 'ok'
    return { status, is: this.#state, ...(this.#state === 'leading' && { term: this.#term }) }
  }

  async run(): Promise<void> {
    const url = await Promise.race([
      this.#deps.databaseUrl.catch(() => undefined),
      this.#stopped.then(() => undefined),
    ])
    if (url === undefined) return
    while (!this.#isStopping) {
      try {
        await this.#oneSession(url)
      } catch (err) {
        this.#state = 'unreachable'
        if (!this.#isUnreachableSaid) this.#deps.logger.warn({ err }, 'leadership.unreachable')
        this.#isUnreachableSaid = true
      }
      await this.#pause()
    }
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Stands by on one connection until it has led or is to stop; throws when the database does not answer. */
  async #oneSession(url: string): Promise<void> {
    const session = await LockSession.open(url)
    this.#isUnreachableSaid = false
    try {
      this.#state = 'standing-by'
      while (!(await session.tryLock(this.#deps.duty))) {
        await this.#pause()
        if (this.#isStopping) return
      }
      await this.#lead(session)
    } finally {
      await session.close()
    }
  }

  async #lead(session: LockSession): Promise<void> {
    const { duty, duties, logger, pulseMs = PULSE_MS } = this.#deps
    this.#term = await beginTerm(session.client, duty)
    this.#state = 'leading'
    session.watch(pulseMs)
    logger.info({ duty, term: this.#term }, 'leadership.taken')
    const reason = await this.#serve(session)
    try {
      await duties.end()
    } finally {
      this.#state = 'standing-by'
      logger.info({ duty, term: this.#term, reason }, 'leadership.lost')
    }
    if (reason === FAILED) {
      // While this process waits, the lock is free.
      await session.close()
      await this.#pause(FAILED_PAUSE_MS)
    }
  }

  /** Does the duties until there is a reason to end them. */
  async #serve(session: LockSession): Promise<string> {
    const resigned = new Promise<string>((resolve) => {
      this.#resign = () => resolve(FAILED)
    })
    try {
      await this.#deps.duties.begin(this.#term)
      return await Promise.race([session.lost, this.#stopped, resigned])
    } catch (err) {
      this.#deps.logger.error({ err }, 'leadership.duties_failed')
      return FAILED
    }
  }

  async #pause(shortestMs = this.#deps.retryMs ?? RETRY_MS): Promise<void> {
    const pauseMs = shortestMs * (1 + Math.random())
    // Aborting is how `stop` ends the pause.
    await delay(pauseMs, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {})
  }
}

const FAILED = 'its duties cannot be done here'
