/** The services (mirrors, retention, backups) as this process has them: while it leads, and then it answers the others. */
import type { ComponentHealth } from './platform/index.ts'
import {
  type Duties,
  type LeaderLine,
  type Leadership,
  leadAtOnce,
  startLeadership,
} from './platform/leadership/index.ts'
import { answerAsLeader, mirrorsStateOf } from './stoa-leader.ts'
import { type Services, type ServicesDeps, startServices } from './stoa-services.ts'
import type { LiveSettings } from './stoa-settings.ts'

export interface LedServicesDeps
  extends Pick<
    ServicesDeps,
    'unit' | 'office' | 'policies' | 'verifier' | 'relaySigner' | 'configFile' | 'logger'
  > {
  readonly settings: Pick<LiveSettings, 'current'>
  readonly dataDir: string
  /** By which other processes ask the one that leads; undefined where there is but this one. */
  readonly line: LeaderLine | undefined
}

export interface LedServices {
  /** Undefined while this process does not lead. */
  current(): Services | undefined
  health(): ComponentHealth
  stop(): Promise<void>
}

/** A store in files has one process, which leads at once; those that share a database choose one among them. */
export async function leadServices(deps: LedServicesDeps): Promise<LedServices> {
  const { settings, office, logger } = deps
  const led = new Led(deps)
  const leadership: Leadership =
    office === undefined || settings.current.store.engine === 'log'
      ? await leadAtOnce('services', led, logger)
      : startLeadership({
          databaseUrl: office.databaseReady().then(({ url }) => url),
          duty: 'services',
          duties: led,
          logger,
        })
  return {
    current: () => led.services,
    health: () => leadership.health(),
    stop: () => leadership.stop(),
  }
}

class Led implements Duties {
  readonly #deps: LedServicesDeps
  #stopAnswering = (): void => {}
  services: Services | undefined

  constructor(deps: LedServicesDeps) {
    this.#deps = deps
  }

  async begin(term: number): Promise<void> {
    const { settings, dataDir, line, ...ports } = this.#deps
    const { office } = ports
    const config = settings.current
    const services = await startServices({
      ...ports,
      config,
      mirrorsState: mirrorsStateOf(config, { dataDir, database: office?.database(), term }),
    })
    this.services = services
    this.#stopAnswering = line?.answer((what) => answerAsLeader(what, office, services)) ?? (() => {})
  }

  async end(): Promise<void> {
    this.#stopAnswering()
    const { services } = this
    this.services = undefined
    await services?.stop()
  }
}
