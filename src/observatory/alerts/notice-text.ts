/** Alerts in words, for mails and direct messages. */
import { isoOf } from './condition.ts'
import type { AlertWords } from './payloads.ts'
import type { AlertRule } from './rules.ts'

export interface NoticeText {
  readonly subject: string
  readonly text: string
}

export function alertNotice(
  { name, range }: Pick<AlertRule, 'name' | 'range'>,
  what: 'firing' | 'cleared',
  { says, found }: AlertWords,
  { sinceSeconds, atSeconds }: { readonly sinceSeconds: number; readonly atSeconds: number },
): NoticeText {
  const isFiring = what === 'firing'
  return {
    subject: `${isFiring ? 'Alert' : 'Cleared'}: ${name}`,
    text: [
      isFiring ? `${name}: ${says}.` : `${name} is over: no longer ${says}.`,
      '',
      `${found} (range ${range}, at ${isoOf(atSeconds)}).`,
      isFiring ? `Since ${isoOf(sinceSeconds)}.` : `It had begun at ${isoOf(sinceSeconds)}.`,
      '',
    ].join('\n'),
  }
}

export function disabledNotice(url: string, why: string, atSeconds: number): NoticeText {
  const { host } = new URL(url)
  return {
    subject: `Webhook disabled: ${host}`,
    text: [
      `Your webhook at ${host} gets nothing any more since ${isoOf(atSeconds)}: ${why}.`,
      '',
      'Enable it again when it works (PATCH /api/v1/stats/webhooks/<id> with {"is_enabled": true}).',
      '',
    ].join('\n'),
  }
}
