import { afterEach, beforeEach, expect, test } from 'vitest'
import { Stage } from './stoa-process.ts'

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

/** Nobody listens there. */
const NOBODY = 'postgres://127.0.0.1:1/stoa'

test('a process whose database never came up still stops, and says before what it lacks', async () => {
  const stoa = await stage.start({
    hasOffice: true,
    env: { STOA_DATABASE__URL: NOBODY, STOA_OBSERVATORY__WATCH: 'own' },
  })
  const ask = async (path: string) => {
    const answer = await fetch(stoa.httpUrl(path))
    return { status: answer.status, body: await answer.json() }
  }
  expect(await ask('/api/v1/health')).toMatchObject({
    status: 503,
    body: { status: 'failed', services: { database: 'failed' } },
  })
  for (const path of ['overview', 'export?what=clients', 'activity?since=2026-11-01'])
    expect(await ask(`/api/v1/stats/${path}`)).toMatchObject({
      status: 503,
      body: { error: { code: 'UNAVAILABLE' } },
    })
  // One that had to be left behind ends with 1.
  expect(await stoa.stop()).toEqual({ code: 0, signal: null })
})
