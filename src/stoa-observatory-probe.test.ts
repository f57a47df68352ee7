import { afterEach, expect, test } from 'vitest'
import { createMemoryStore } from './events/memory/index.ts'
import { authorSigner, startTestRelay, type TestRelay } from './mirrors/testing/index.ts'
import { observatoryProbe, type ProbeDeps } from './stoa-observatory-probe.ts'

const relays: TestRelay[] = []
afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.stop()
})

async function startRelay(): Promise<TestRelay> {
  const relay = await startTestRelay(createMemoryStore())
  relays.push(relay)
  return relay
}

function testProbe(deps: Partial<ProbeDeps> = {}) {
  const probe = observatoryProbe({
    signer: authorSigner,
    allowPrivate: false,
    aliases: new Map(),
    own: undefined,
    measuresWrite: true,
    ...deps,
  })
  return (url: string) => probe.measure(url, { writes: true }, new AbortController().signal)
}

const TIMED = { openMs: expect.any(Number), readMs: expect.any(Number), writeMs: expect.any(Number) }

test('a relay is reached where the operator says that it is, and our own wherever it is', async () => {
  const { url } = await startRelay()
  const named = testProbe({ aliases: new Map([['wss://relay.damus.io', url]]) })
  expect(await named('wss://relay.damus.io')).toEqual(TIMED)
  expect(await testProbe({ own: url })(url)).toEqual(TIMED)
  expect(await testProbe({ allowPrivate: true })(url)).toEqual(TIMED)
})

test('nobody else leads to an address of this machine, by number or by name', async () => {
  const { url } = await startRelay()
  expect(await testProbe()(url)).toEqual({})
  const { port } = new URL(url)
  const resolve = async () => ['127.0.0.1']
  expect(await testProbe({ resolve })(`ws://relay.damus.io:${port}`)).toEqual({})
})

test('no relay is written to where that is not wanted', async () => {
  const { url } = await startRelay()
  expect(await testProbe({ own: url, measuresWrite: false })(url)).toEqual({ ...TIMED, writeMs: undefined })
})
