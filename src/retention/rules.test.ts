import { expect, test } from 'vitest'
import { defaultConfig, loadConfig } from '../config/index.ts'
import { alice, bob, bytesOf, NOW_SECONDS, testEvent } from '../events/testing/index.ts'
import { AppError } from '../kernel/index.ts'
import { readEventHead } from './event-head.ts'
import {
  ageRefusal,
  governingRule,
  isBeyondAge,
  parseRetention,
  type RetentionSettings,
  removesAnything,
  removesByAge,
} from './rules.ts'

const settings = (changes: Partial<RetentionSettings>): RetentionSettings => ({
  rules: [],
  keepKinds: [],
  maxDiskBytes: 0,
  intervalSeconds: 60,
  ...changes,
})

const rulesOf = (...rules: string[]) => parseRetention(settings({ rules }))

test('a rule says for whom it is and what it allows', () => {
  const { rules } = rulesOf('7: days=90 events=1000', `${alice}: keep`, '30000-39999: hours=2 eventsPerKey=5')
  expect(rules).toEqual([
    {
      text: '7: days=90 events=1000',
      kinds: { from: 7, to: 7 },
      limits: { maxAgeSeconds: 7_776_000, maxEvents: 1000 },
    },
    { text: `${alice}: keep`, pubkey: alice, limits: 'keep' },
    {
      text: '30000-39999: hours=2 eventsPerKey=5',
      kinds: { from: 30_000, to: 39_999 },
      limits: { maxAgeSeconds: 7200, maxEventsPerKey: 5 },
    },
  ])
})

test.each([
  '1',
  '1: ',
  '1: days=0',
  '1: days=-1',
  '1: days=1 hours=1',
  '1: days=1 days=2',
  '1: weeks=1',
  '1: keep days=1',
  '9-1: days=1',
  '65536: days=1',
  'ABC: keep',
])('the rule "%s" is refused by its words', (rule) => {
  expect(() => rulesOf(rule)).toThrow(AppError)
  expect(() => rulesOf(rule)).toThrow('retention.rules')
})

test('the first rule that is for an event is the only one, and kinds that are kept come before all', () => {
  const rules = parseRetention(
    settings({ rules: [`${alice}: keep`, '1-5: days=1', '*: days=9'], keepKinds: [5] }),
  )
  const [, kinds, all] = rules.rules
  expect(governingRule(rules, { kind: 1, pubkey: alice })).toBe('keep')
  expect(governingRule(rules, { kind: 1, pubkey: bob })).toBe(kinds)
  expect(governingRule(rules, { kind: 6, pubkey: bob })).toBe(all)
  expect(governingRule(rules, { kind: 5, pubkey: bob })).toBe('keep')
})

test('an age of exactly what is allowed is allowed, a second more is not', () => {
  const rules = rulesOf('1: hours=1')
  const aged = (seconds: number) => ({ kind: 1, pubkey: bob, createdAt: NOW_SECONDS - seconds })
  expect(isBeyondAge(rules, aged(3600), NOW_SECONDS)).toBe(false)
  expect(isBeyondAge(rules, aged(3601), NOW_SECONDS)).toBe(true)
  expect(isBeyondAge(rules, { ...aged(3601), kind: 2 }, NOW_SECONDS)).toBe(false)
})

test('what is too old is refused with the rule that says so; requests to vanish never are', () => {
  const rules = rulesOf('7: events=5', '*: hours=1')
  const aged = (seconds: number, kind = 1) => ({ kind, pubkey: bob, created_at: NOW_SECONDS - seconds })
  expect(ageRefusal(rules, aged(3600), NOW_SECONDS)).toBeUndefined()
  expect(ageRefusal(rules, aged(3601), NOW_SECONDS)).toMatch(/^blocked: .*older.*"\*: hours=1"/)
  expect(ageRefusal(rules, aged(3601, 7), NOW_SECONDS)).toBeUndefined()
  expect(ageRefusal(rules, aged(3601, 62), NOW_SECONDS)).toBeUndefined()
})

test('only a rule with an age asks at the door', () => {
  expect(removesByAge(rulesOf('1: events=5', '7: keep'))).toBe(false)
  expect(removesByAge(rulesOf('1: events=5', '7: days=1 events=5'))).toBe(true)
})

test('the head of an event is read from its bytes, whatever its content says', () => {
  const event = testEvent({
    pubkey: bob,
    kind: 65_535,
    created_at: Number.MAX_SAFE_INTEGER,
    tags: [['x', '"created_at":1,"kind":2,']],
    content: '{"id":"","kind":3,',
  })
  const bytes = Buffer.from(bytesOf(event))
  expect(readEventHead(bytes)).toEqual({
    id: event.id,
    pubkey: bob,
    createdAt: Number.MAX_SAFE_INTEGER,
    kind: 65_535,
    byteLength: bytes.length,
  })
})

test('by default nothing is removed, and a cap is refused where files do not shrink', () => {
  expect(removesAnything(parseRetention(defaultConfig().retention))).toBe(false)
  const env = {
    STOA_RETENTION__MAX_DISK_BYTES: '1000',
    STOA_STORE__ENGINE: 'postgres',
    STOA_DATABASE__URL: 'postgresql://localhost/x',
  }
  expect(() => loadConfig({ env, cwd: '/nowhere' })).toThrow('MAX_DISK_BYTES: is for store.engine = "log"')
})

test.each(['*: days=1 events=2', `${alice}: eventsPerKey=3`, '5-7: keep'])(
  'the configuration takes "%s", and what it takes can be read',
  (rule) => {
    const { config } = loadConfig({ env: { STOA_RETENTION__RULES: rule }, cwd: '/nowhere' })
    expect(parseRetention(config.retention).rules[0]?.text).toBe(rule)
  },
)
