/** Tells webhooks of relays that were discovered, went down or came back. */
import { sql, type Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import type { RelayFigures, Snapshot } from '../snapshot.ts'
import type { AlertsContext } from './context.ts'
import { type News, promiseNews, type WebhookOfOwner } from './deliveries.ts'
import type { AlertLimits } from './limits.ts'
import { relayPayload } from './payloads.ts'
import type { RelayStanding, RelayWatch } from './relay-watch.ts'
import type { Topic } from './shapes.ts'

/** `absent`: not in the table. `known`: neither up nor down for long enough yet. */
export type RelayNewsState = 'absent' | 'known' | 'up' | 'down'
export type RelayNewsMove = 'appear' | 'rise' | 'sink'

interface Step {
  readonly to: Exclude<RelayNewsState, 'absent'>
  /** Missing: nobody is told. Of a relay whose state was not known before it cannot be said that it changed. */
  readonly topic?: Topic
}

/** What is not in here does not happen. */
export const NEXT_RELAY_NEWS = {
  absent: { appear: { to: 'known', topic: 'relay.discovered' } },
  known: { rise: { to: 'up' }, sink: { to: 'down' } },
  up: { sink: { to: 'down', topic: 'relay.down' } },
  down: { rise: { to: 'up', topic: 'relay.up' } },
} as const satisfies Record<RelayNewsState, Partial<Record<RelayNewsMove, Step>>>

/** What happens to a relay next; undefined: nothing. */
export function nextRelayStep(
  state: RelayNewsState,
  standing: RelayStanding | undefined,
  { relayDownSeconds, relayUpSeconds }: Pick<AlertLimits, 'relayDownSeconds' | 'relayUpSeconds'>,
  nowSeconds: number,
): Step | undefined {
  const moves: Partial<Record<RelayNewsMove, Step>> = NEXT_RELAY_NEWS[state]
  if (state === 'absent') return moves.appear
  if (standing === undefined) return undefined
  const forSeconds = nowSeconds - standing.sinceSeconds
  if (standing.isConnected) return forSeconds >= relayUpSeconds ? moves.rise : undefined
  return forSeconds >= relayDownSeconds ? moves.sink : undefined
}

/** Relays that are remembered; more are not told of. */
const MAX_RELAYS = 200_000
/** Of which nobody is told, at one look. */
const MAX_SILENT_STEPS = 5_000
/** Rows of one statement. */
const CHUNK = 1_000

interface Planned extends Step {
  readonly from: RelayNewsState
  readonly relay: RelayFigures
}

export class RelayNews {
  readonly #context: AlertsContext
  readonly #states = new Map<string, RelayNewsState>()
  #isFirstTime = false

  constructor(context: AlertsContext) {
    this.#context = context
  }

  async load(): Promise<void> {
    const rows = await this.#context.db
      .selectFrom('observatory_alert_relays')
      .select(['url', 'state'])
      .execute()
    this.#states.clear()
    for (const { url, state } of rows) this.#states.set(url, state)
    this.#isFirstTime = rows.length === 0
  }

  /** Writes what has changed, and promises it to those who want to know, in one transaction. */
  async look(
    snapshot: Snapshot,
    watch: RelayWatch,
    listeners: (topic: Topic) => readonly WebhookOfOwner[],
  ): Promise<void> {
    const planned = this.#plan(snapshot, watch, listeners)
    if (planned.length === 0) return
    const { db } = this.#context
    const now = snapshot.atSeconds
    await db.transaction().execute(async (tx) => {
      const done = await writeSteps(tx, planned, now)
      for (const topic of ['relay.discovered', 'relay.down', 'relay.up'] as const) {
        const news = done
          .filter((step) => step.topic === topic && !(this.#isFirstTime && step.from === 'absent'))
          .map(({ relay }): News => {
            const sinceSeconds = watch.standing(relay.url)?.sinceSeconds ?? now
            const data = relayPayload(relay, sinceSeconds)
            return { occasion: `${topic}/${relay.url}/${now}`, topic, atSeconds: now, data }
          })
        await promiseNews(this.#context, tx, news, listeners(topic))
      }
    })
    for (const { relay, to } of planned) this.#states.set(relay.url, to)
    this.#isFirstTime = false
  }

  /** As much as one look may do. The relays that were there when the observatory first looked are no news. */
  #plan(
    { relays, atSeconds }: Snapshot,
    watch: RelayWatch,
    listeners: (topic: Topic) => readonly WebhookOfOwner[],
  ): readonly Planned[] {
    const { limits } = this.#context
    const planned: Planned[] = []
    let silent = 0
    let deliveries = 0
    for (const relay of relays) {
      const from = this.#states.get(relay.url) ?? 'absent'
      const step = nextRelayStep(from, watch.standing(relay.url), limits, atSeconds)
      if (step === undefined || (from === 'absent' && this.#states.size + planned.length >= MAX_RELAYS))
        continue
      const told = step.topic === undefined || this.#isFirstTime ? 0 : listeners(step.topic).length
      if (told === 0) {
        // All of the first time in one transaction: otherwise the rest of it would be news to whoever is told next.
        if (silent >= MAX_SILENT_STEPS && !this.#isFirstTime) continue
        silent++
      } else {
        if (deliveries > 0 && deliveries + told > limits.deliveriesOfOneLook) continue
        deliveries += told
      }
      planned.push({ ...step, from, relay })
    }
    return planned
  }
}

/** Those steps that were still to be done: another process may have been quicker. */
async function writeSteps(
  tx: Transaction<Tables>,
  planned: readonly Planned[],
  nowSeconds: number,
): Promise<readonly Planned[]> {
  const since = BigInt(nowSeconds)
  const done = new Set<string>()
  const groups = Map.groupBy(planned, ({ from, to }) => `${from} ${to}`)
  for (const group of groups.values()) {
    for (let start = 0; start < group.length; start += CHUNK) {
      const chunk = group.slice(start, start + CHUNK)
      const urls = chunk.map(({ relay }) => relay.url)
      const { from, to } = chunk[0]!
      const rows =
        from === 'absent'
          ? await tx
              .insertInto('observatory_alert_relays')
              .values(urls.map((url) => ({ url, state: to, since })))
              .onConflict((conflict) => conflict.doNothing())
              .returning('url')
              .execute()
          : await tx
              .updateTable('observatory_alert_relays')
              .set({ state: to, since })
              .where('url', '=', sql<string>`any(${urls})`)
              .where('state', '=', from)
              .returning('url')
              .execute()
      for (const { url } of rows) done.add(url)
    }
  }
  return planned.filter(({ relay }) => done.has(relay.url))
}
