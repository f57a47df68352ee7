import { AppError } from '../../kernel/index.ts'
import type { Range } from '../ranges.ts'
import type { AlertStatus } from './alert-state.ts'
import { type ReadyCondition, readyCondition } from './condition.ts'
import type { AlertsContext } from './context.ts'
import type { WebhookOfOwner } from './deliveries.ts'
import type { Figure } from './figure.ts'
import { type AlertRule, ruleOf, statusOf } from './rules.ts'
import type { Topic } from './shapes.ts'

/** A rule as it is looked at every second. */
export interface HeldRule {
  readonly rule: AlertRule
  readonly ready: ReadyCondition
  /** Both say which state of the row `status` goes on from. */
  readonly revision: bigint
  readonly transitions: number
  readonly status: AlertStatus
}

/** All rules that are not paused, and who wants to know what: read again when somebody has changed something. */
export class RuleBook {
  readonly #context: AlertsContext
  #rules = new Map<string, HeldRule>()
  #listeners = new Map<Topic, WebhookOfOwner[]>()
  #revision: bigint | undefined
  #askedAtMs = -Infinity

  constructor(context: AlertsContext) {
    this.#context = context
  }

  /** Reads everything again when it has changed, or when `isStale` says that it must have. */
  async refresh(isStale = false): Promise<void> {
    const { db, clock, limits } = this.#context
    if (!isStale && clock.nowMs() - this.#askedAtMs < limits.refreshMs) return
    const { revision } = await db
      .selectFrom('observatory_alert_revision')
      .select('revision')
      .executeTakeFirstOrThrow()
    this.#askedAtMs = clock.nowMs()
    if (revision === this.#revision && !isStale) return
    await this.#load()
    // What is changed while it is read changes the number again.
    this.#revision = revision
  }

  of(range: Range): readonly HeldRule[] {
    return [...this.#rules.values()].filter(({ rule }) => rule.range === range)
  }

  listeners(topic: Topic): readonly WebhookOfOwner[] {
    return this.#listeners.get(topic) ?? []
  }

  /** Figures that are to be remembered for the rules of a range. */
  sampled(range: Range): readonly Figure[] {
    const figures = this.of(range).flatMap(({ ready }) => ready.sampled ?? [])
    return [...new Map(figures.map((figure) => [figure.path, figure])).values()]
  }

  /** `range path` of all figures that are to be remembered. */
  sampledNames(): ReadonlySet<string> {
    return new Set(
      [...this.#rules.values()].flatMap(({ rule, ready }) =>
        ready.sampled === undefined ? [] : [`${rule.range} ${ready.sampled.path}`],
      ),
    )
  }

  hold(rule: HeldRule): void {
    this.#rules.set(rule.rule.id, rule)
  }

  async #load(): Promise<void> {
    const { db } = this.#context
    const rows = await db
      .selectFrom('observatory_alert_rules')
      .selectAll()
      .where('is_paused', '=', false)
      .orderBy('created_at')
      .execute()
    const rules = new Map<string, HeldRule>()
    for (const row of rows) {
      const rule = ruleOf(row)
      const ready = readyCondition(rule.condition)
      if (!ready.ok) {
        throw new AppError(
          'INTERNAL',
          `The alert ${rule.id} has a condition that was refused: ${ready.refusal}.`,
        )
      }
      const { revision, transitions } = row
      const held = this.#rules.get(rule.id)
      // A wait that began goes on, when nothing else has happened to the rule.
      const status =
        held?.revision === revision && held.transitions === transitions ? held.status : statusOf(rule)
      rules.set(rule.id, { rule, ready: ready.value, revision, transitions, status })
    }
    const webhooks = await db
      .selectFrom('observatory_webhooks')
      .select(['id', 'owner', 'topics'])
      .where('disabled_at', 'is', null)
      .orderBy('created_at')
      .execute()
    const listeners = new Map<Topic, WebhookOfOwner[]>()
    for (const { id, owner, topics } of webhooks) {
      for (const topic of topics as readonly Topic[]) {
        listeners.set(topic, [...(listeners.get(topic) ?? []), { id, owner }])
      }
    }
    this.#rules = rules
    this.#listeners = listeners
  }
}
