/** Relays, monitors and clients that write what may hurt a page, where they may write anything. */
import type { FullBody, RangeName, RelayPageBody } from '../../web/src/api/bodies.ts'
import { fullAt, relayPageAt } from './fixtures.ts'

/** Whatever runs leaves this behind. */
const RUN = 'window.harm=1'
const LONG_BYTES = 100_000

export const TEXTS = {
  markup: `"'><script>${RUN}</script><img src="//tracker.example/a.png" onerror="${RUN}"><svg onload="${RUN}">`,
  endings: `</title></textarea></option></style><iframe src="https://tracker.example/"></iframe><script>${RUN}</script>`,
  address: `javascript:${RUN}`,
  turned: '\u202Egnp.yaler \u2067doog\u2066 \u200F\u0000\u001B[31m',
  oneWord: 'W'.repeat(LONG_BYTES),
  manyWords: 'lorem ipsum '.repeat(LONG_BYTES / 12),
  emoji: '🔥'.repeat(LONG_BYTES / 4),
  towers: `Z${'\u0351'.repeat(2_000)}a${'\u0316'.repeat(2_000)}lgo`,
  fromTheRight: 'مرحبا بكم في (relay) 2026',
}
const ALL = Object.values(TEXTS)

/** Each text is with so many relays. */
export const RELAYS_OF_EACH = 2

/** Nobody connects to this address: it is to be shown. */
export const HOSTILE_RELAY = `wss://relay.example/</title><script>${RUN}</script>\u202E${'x'.repeat(300)}`

export function hostileAt(nowMs: number, range: RangeName): FullBody {
  const full = fullAt(nowMs, range)
  const text = (index: number) => ALL[index % ALL.length] ?? ''
  return {
    ...full,
    relays: full.relays.map((relay, index) =>
      index >= ALL.length * RELAYS_OF_EACH
        ? relay
        : {
            ...relay,
            url: index === 0 ? HOSTILE_RELAY : relay.url,
            name: text(index),
            software: text(index),
            version: text(index + 1),
            countries: [text(index + 2), text(index + 3)],
          },
    ),
    top_relays: full.top_relays.map((relay, index) =>
      index === 0 ? { ...relay, url: HOSTILE_RELAY } : relay,
    ),
    // So many bytes of a name are kept.
    clients: full.clients.map((client, index) => ({ ...client, name: text(index).slice(0, 64) })),
  }
}

export function hostileRelayPageAt(nowMs: number, range: RangeName, url: string): RelayPageBody | undefined {
  const page = relayPageAt(nowMs, range, 'wss://relay1.example')
  if (page === undefined || url !== HOSTILE_RELAY) return undefined
  const [first] = page.logs
  const [monitor] = page.monitors
  return {
    ...page,
    url,
    name: TEXTS.endings,
    description: ALL.join('\n'),
    software: TEXTS.oneWord,
    version: TEXTS.emoji,
    icon: TEXTS.address,
    countries: ALL,
    logs: first === undefined ? [] : ALL.map((detail) => ({ ...first, detail })),
    monitors: monitor === undefined ? [] : ALL.map((text) => ({ ...monitor, disagreements: [text, text] })),
  }
}
