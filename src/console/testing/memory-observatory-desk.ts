import { Readable } from 'node:stream'
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { ObservatoryDesk, WatchedRelay } from '../observatory-desk.ts'
import { AT_SECONDS, NOT_THERE, type Note } from './memory-desk.ts'

/** The one API key that there is. */
export const API_KEY_ID = '0123456789abcdef'

/** Relays that come and go by an operator's word, and the tier of one key. */
export function memoryObservatoryDesk(note: Note): ObservatoryDesk {
  const relays = new Map<string, WatchedRelay>()
  const put = (url: string, more: Partial<WatchedRelay> = {}) =>
    void relays.set(url, {
      url,
      state: 'live',
      isProven: true,
      origin: 'operator',
      failures: 0,
      reportedAtSeconds: AT_SECONDS,
      events24h: 5,
      ...more,
    })
  let tier = 'free'
  const ofKey = <T>(keyId: string, value: () => T): Outcome<T, Refusal> =>
    keyId === API_KEY_ID ? accepted(value()) : refused(NOT_THERE)
  return {
    show: async () => ({
      watch: 'network',
      region: 'home',
      state: 'keeping',
      isKeeper: true,
      hasKeeper: true,
      figures: {
        from: 'engine',
        atSeconds: AT_SECONDS,
        relaysProven: 240,
        relaysWatched: 240,
        relaysConnected: 200,
        relaysCandidate: 9,
        events24h: 12_345,
      },
      snapshotAtSeconds: AT_SECONDS,
      collector: { known: 249, connected: 200, observationsPerSecond: 321 },
      delivery: { rows: 99, journalBytes: 0, isJournalFull: false },
      waitingBatches: 0,
      setAsideBatches: 0,
      offences: { 'forged-id': 2 },
      collectors: [{ name: 'c0ffee', region: 'home', deliveredAtSeconds: AT_SECONDS }],
    }),
    beginAnew: async (by) => {
      note(by, 'begin anew')
      return accepted(undefined)
    },
    relays: {
      list: async ({ text = '', isRefused, limit = 100 }) =>
        accepted(
          [...relays.values()]
            .filter(({ url, state }) => url.includes(text) && (isRefused ?? false) === (state === 'refused'))
            .slice(0, limit),
        ),
      add: async (url, by) => {
        const isNew = !relays.has(url)
        put(url)
        note(by, `watch ${url}`)
        return accepted({ url, isNew })
      },
      refuse: async (url, { why, by }) => {
        put(url, { state: 'refused', refusedBy: by.actor, refusedWhy: why, refusedAtSeconds: AT_SECONDS })
        note(by, `refuse ${url}`)
        return accepted({ url })
      },
      allow: async (url, by) => {
        if (relays.get(url)?.state !== 'refused') return refused(NOT_THERE)
        put(url, { state: 'waiting' })
        note(by, `allow ${url}`)
        return accepted({ url })
      },
    },
    exportHistory: async ({ what, format }) =>
      accepted(Readable.from([`what,format\n`, `${what},${format}\n`])),
    alerts: async () =>
      accepted([
        {
          id: 'a1',
          name: 'zaps fall',
          state: 'firing',
          sinceAtSeconds: AT_SECONDS,
          isPaused: false,
          range: '24h',
          condition: '{"figure":"zaps.count"}',
          channels: ['email'],
        },
      ]),
    tiers: {
      show: async (keyId) =>
        ofKey(keyId, () => ({
          keyId,
          keyName: 'the bot',
          owner: 'aa'.repeat(32),
          isRevoked: false,
          tier,
          requestsPer15Minutes: 1_000,
        })),
      subscribe: async (wanted, by) => {
        if (wanted.tier === 'gold') return refused({ code: 'UNKNOWN_TIER', text: 'there is no tier "gold"' })
        tier = wanted.tier
        note(by, `subscribe ${wanted.keyId} ${tier}`)
        return ofKey(wanted.keyId, () => ({ tier, fromMonth: '2026-11' }))
      },
      end: async (keyId, by) => {
        note(by, `unsubscribe ${keyId}`)
        return ofKey(keyId, () => undefined)
      },
    },
  }
}
