/** Alerts and webhooks as they go out over HTTP, named as the rest of `/api/v1/stats`. */

import type { AlertHistoryEntry } from './alert-history.ts'
import { isoOf } from './condition.ts'
import type { AlertRule } from './rules.ts'
import type { Webhook } from './webhooks.ts'

export function ruleBody(rule: AlertRule) {
  return {
    id: rule.id,
    name: rule.name,
    range: rule.range,
    condition: rule.condition,
    channels: rule.channels,
    clear_after_seconds: rule.clearAfterSeconds,
    quiet_seconds: rule.quietSeconds,
    is_paused: rule.isPaused,
    created_at: isoOf(rule.createdAtSeconds),
    state: rule.state,
    since: isoOf(rule.sinceSeconds),
    is_notified: rule.isNotified,
    last_notice_at: isoOrNull(rule.lastNoticeSeconds),
  }
}

export function webhookBody(webhook: Webhook) {
  return {
    id: webhook.id,
    url: webhook.url,
    topics: webhook.topics,
    is_enabled: webhook.disabledAtSeconds === undefined,
    created_at: isoOf(webhook.createdAtSeconds),
    last_success_at: isoOrNull(webhook.lastSuccessSeconds),
    failing_since: isoOrNull(webhook.failingSinceSeconds),
    last_failure: webhook.lastFailure ?? null,
    disabled_at: isoOrNull(webhook.disabledAtSeconds),
    disabled_why: webhook.disabledWhy ?? null,
  }
}

export function historyBody(entry: AlertHistoryEntry) {
  return {
    number: entry.number,
    at: isoOf(entry.atSeconds),
    what: entry.what,
    alert: entry.ruleId ?? null,
    webhook: entry.webhookId ?? null,
    name: entry.name,
    text: entry.text,
    is_notified: entry.isNotified,
  }
}

function isoOrNull(seconds: number | undefined): string | null {
  return seconds === undefined ? null : isoOf(seconds)
}
