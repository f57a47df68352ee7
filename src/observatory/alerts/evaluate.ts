import type { Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import type { Range } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import { type AlertDecision, decideAlert } from './alert-state.ts'
import type { AlertsContext } from './context.ts'
import { promiseNews, promiseNotices, type WebhookOfOwner } from './deliveries.ts'
import { indexSnapshot } from './figure.ts'
import { alertNotice } from './notice-text.ts'
import { type AlertWords, alertPayload, snapshotPayload } from './payloads.ts'
import { RelayNews } from './relay-news.ts'
import { RelayWatch } from './relay-watch.ts'
import { type HeldRule, RuleBook } from './rule-book.ts'
import { FigureSamples } from './samples.ts'
import { sweep } from './sweep.ts'

/** How often the topic `snapshot` is told. */
export const SNAPSHOT_SECONDS = 300

/**
 * Holds each new snapshot against the rules. It asks the database for little and writes only what happens; when a write
 * fails, nothing of it has happened, and the next snapshot is decided from where things really are.
 */
export class Evaluator {
  readonly #context: AlertsContext
  readonly #book: RuleBook
  readonly #samples: FigureSamples
  readonly #watch = new RelayWatch()
  readonly #relayNews: RelayNews
  readonly #seenAt = new Map<Range, number>()
  #watchedAt = -Infinity
  #lastTick = -1
  /** Until everything was read, and again after a failure: somebody else may have written meanwhile. */
  #isStale = true

  constructor(context: AlertsContext) {
    this.#context = context
    this.#book = new RuleBook(context)
    this.#samples = new FigureSamples(context.db)
    this.#relayNews = new RelayNews(context)
  }

  /** A snapshot of a range that is not newer than the last one, by whole seconds, is passed over. */
  async look(snapshot: Snapshot): Promise<void> {
    const { range, atSeconds } = snapshot
    if (atSeconds <= (this.#seenAt.get(range) ?? -Infinity)) return
    this.#seenAt.set(range, atSeconds)
    const wasStale = this.#isStale
    this.#isStale = true
    if (wasStale) {
      await this.#samples.load(atSeconds)
      await this.#relayNews.load()
    }
    await this.#book.refresh(wasStale)
    if (atSeconds > this.#watchedAt) {
      this.#watchedAt = atSeconds
      this.#watch.note(snapshot)
    }
    const figures = indexSnapshot(snapshot)
    await this.#samples.note(this.#book.sampled(range), figures)
    const isOutdated = await this.#judgeRules(snapshot)
    if (range === '24h') {
      await this.#relayNews.look(snapshot, this.#watch, (topic) => this.#book.listeners(topic))
      await this.#tick(snapshot)
    }
    this.#isStale = isOutdated
  }

  /** True when a row was not as it is held here. */
  async #judgeRules(snapshot: Snapshot): Promise<boolean> {
    const { range, atSeconds } = snapshot
    const figures = indexSnapshot(snapshot)
    const past = (path: string, minutes: number) => this.#samples.past(range, path, minutes, atSeconds)
    let written = 0
    let isOutdated = false
    for (const held of this.#book.of(range)) {
      const verdict = held.ready.judge({ figures, relays: this.#watch, past })
      const decision = decideAlert(held.status, verdict.isMet, held.rule, atSeconds)
      if (decision.what === undefined) {
        this.#book.hold({ ...held, status: decision.status })
        continue
      }
      if (written >= this.#context.limits.transitionsOfOneLook) continue
      written++
      const words = { says: held.ready.says, found: verdict.found }
      if (await this.#write(held, decision, words, atSeconds)) {
        this.#book.hold({ ...held, status: decision.status, transitions: held.transitions + 1 })
      } else {
        isOutdated = true
      }
    }
    return isOutdated
  }

  /** Writes what happened to a rule and promises to tell it, or nothing at all: false when the row is another by now. */
  #write(held: HeldRule, decision: AlertDecision, words: AlertWords, atSeconds: number): Promise<boolean> {
    const { db } = this.#context
    return db.transaction().execute(async (tx) => {
      const { rule, revision, transitions } = held
      const { status, what = 'firing', notice } = decision
      const { numUpdatedRows } = await tx
        .updateTable('observatory_alert_rules')
        .set({
          state: status.state === 'quiet' ? 'quiet' : 'firing',
          since: BigInt(status.sinceSeconds),
          is_notified: status.isNotified,
          last_notice_at: status.lastNoticeSeconds === undefined ? null : BigInt(status.lastNoticeSeconds),
          transitions: transitions + 1,
        })
        .where('id', '=', rule.id)
        .where('revision', '=', revision)
        .where('transitions', '=', transitions)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) return false
      await tx
        .insertInto('observatory_alert_history')
        .values({
          owner: rule.owner,
          at: BigInt(atSeconds),
          what,
          rule_id: rule.id,
          webhook_id: null,
          name: rule.name,
          text: words.found,
          is_notified: notice !== undefined,
        })
        .execute()
      if (notice !== undefined) await this.#tell(tx, held, decision, notice, words, atSeconds)
      return true
    })
  }

  async #tell(
    tx: Transaction<Tables>,
    { rule, transitions, status: before }: HeldRule,
    { status }: AlertDecision,
    notice: 'firing' | 'cleared',
    words: AlertWords,
    atSeconds: number,
  ): Promise<void> {
    const occasion = `alert/${rule.id}/${rule.createdAtSeconds}/${transitions + 1}`
    const sinceSeconds = notice === 'firing' ? status.sinceSeconds : before.sinceSeconds
    const data = alertPayload(rule, notice, words, sinceSeconds)
    const webhooks = await this.#webhooksFor(tx, rule)
    await promiseNews(this.#context, tx, [{ occasion, topic: 'alert', atSeconds, data }], webhooks)
    const said = alertNotice(rule, notice, words, { sinceSeconds, atSeconds })
    const people = rule.channels.flatMap((channel) => {
      if (channel.type === 'webhook') return []
      const target = channel.type === 'email' ? channel.to : channel.pubkey
      return [{ occasion, channel: channel.type, owner: rule.owner, target, atSeconds, ...said }]
    })
    await promiseNotices(this.#context, tx, people)
  }

  /** Those that the rule names, and all of its owner's that want to know of alerts; each once. */
  async #webhooksFor(
    tx: Transaction<Tables>,
    { owner, channels }: HeldRule['rule'],
  ): Promise<readonly WebhookOfOwner[]> {
    const named = new Set(
      channels.flatMap((channel) => (channel.type === 'webhook' ? [channel.webhook] : [])),
    )
    const rows = await tx
      .selectFrom('observatory_webhooks')
      .select(['id', 'owner', 'topics'])
      .where('owner', '=', owner)
      .where('disabled_at', 'is', null)
      .execute()
    return rows.filter(({ id, topics }) => named.has(id) || topics.includes('alert'))
  }

  /** What is done every five minutes. A restart within them does it again, which makes no second delivery. */
  async #tick(snapshot: Snapshot): Promise<void> {
    const { db } = this.#context
    const tick = Math.floor(snapshot.atSeconds / SNAPSHOT_SECONDS)
    if (tick === this.#lastTick) return
    const listeners = this.#book.listeners('snapshot')
    if (listeners.length > 0) {
      const occasion = `snapshot/${tick}`
      const { atSeconds } = snapshot
      const news = { occasion, topic: 'snapshot', atSeconds, data: snapshotPayload(snapshot) } as const
      await db.transaction().execute((tx) => promiseNews(this.#context, tx, [news], listeners))
    }
    await this.#samples.sweep(this.#book.sampledNames(), snapshot.atSeconds)
    await sweep(this.#context)
    this.#lastTick = tick
  }
}
