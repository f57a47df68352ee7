/** How many alerts there are and how they do, for whoever watches the program. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'

export interface AlertFigures {
  readonly rules: readonly { readonly state: 'quiet' | 'firing' | 'paused'; readonly count: number }[]
  /** What is to be told to somebody, and what became of it lately. */
  readonly deliveries: readonly {
    readonly channel: string
    readonly state: string
    readonly count: number
  }[]
}

const STATES = ['quiet', 'firing', 'paused'] as const

export async function alertFigures(db: Kysely<Tables>): Promise<AlertFigures> {
  const [rules, deliveries] = await Promise.all([
    db
      .selectFrom('observatory_alert_rules')
      .select(['state', 'is_paused', ({ fn }) => fn.countAll<bigint>().as('count')])
      .groupBy(['state', 'is_paused'])
      .execute(),
    db
      .selectFrom('observatory_deliveries')
      .select(['channel', 'state', ({ fn }) => fn.countAll<bigint>().as('count')])
      .groupBy(['channel', 'state'])
      .execute(),
  ])
  const counted = rules.map(({ state, is_paused, count }) => ({
    state: is_paused ? ('paused' as const) : state,
    count: Number(count),
  }))
  return {
    rules: STATES.map((state) => ({
      state,
      count: counted.filter((one) => one.state === state).reduce((sum, { count }) => sum + count, 0),
    })),
    deliveries: deliveries.map(({ channel, state, count }) => ({ channel, state, count: Number(count) })),
  }
}
