import { expect, test } from 'vitest'
import { createMemoryStore } from '../events/memory/index.ts'
import { AccessLists, EMPTY_ACCESS_LISTS } from './access-lists.ts'
import { createCounters } from './counters.ts'
import { createReadPolicies } from './policies/index.ts'
import { testSettings } from './policies/testing/policy-kit.ts'
import { Requests, type RequestsDeps } from './requests.ts'
import { type Connection, createSession } from './session.ts'
import { type Source, Turns } from './turns/index.ts'

function bench() {
  const settings = testSettings()
  const sent: string[] = []
  const waiting: { readonly source: Source; readonly work: () => Promise<void> }[] = []
  const source = new Turns().open('192.0.2.1')
  const fake = {
    session: createSession({
      address: '192.0.2.1',
      source,
      host: '',
      number: 1,
      startedAtMs: 0,
      audience: undefined,
    }),
    isOpen: true,
    sendText: (text: string) => sent.push(text),
  }
  // Only what counts touch.
  const deps = {
    settings,
    store: createMemoryStore(),
    lists: AccessLists.fromJSON(EMPTY_ACCESS_LISTS),
    readPolicies: createReadPolicies(settings),
    slowLane: { run: (from: Source, work: () => Promise<void>) => void waiting.push({ source: from, work }) },
    counters: createCounters(),
    nowMs: () => 0,
  } as unknown as RequestsDeps
  const requests = new Requests(deps)
  const count = (id: string) => requests.count(fake as unknown as Connection, id, [{ kinds: [1] }])
  return { fake, sent, waiting, source, count }
}

test('counts go by the slow lane, and those that wait there are among the twenty of a connection', async () => {
  const { sent, waiting, source, count } = bench()
  for (let number = 1; number <= 21; number++) count(`c${number}`)
  expect(waiting.map((each) => each.source)).toEqual(Array.from({ length: 20 }, () => source))
  expect(sent).toEqual(['["CLOSED","c21","rate-limited: at most 20 counts at a time"]'])
  await Promise.all(waiting.map(({ work }) => work()))
  expect(sent.slice(1)).toEqual(
    Array.from({ length: 20 }, (_, index) => `["COUNT","c${index + 1}",{"count":0}]`),
  )
  count('again')
  expect(waiting).toHaveLength(21)
})

test('a count of a client who left while it waited is not done', async () => {
  const { fake, sent, waiting, count } = bench()
  count('c')
  fake.isOpen = false
  await waiting[0]?.work()
  expect(sent).toEqual([])
  expect(fake.session.openCounts).toBe(0)
})
