/** Relays that nobody has configured, and kinds that nobody has listed: found, connected to and counted. */
import { afterEach, expect, test, vi } from 'vitest'
import { authorNamed, eventBy } from './authors.ts'
import { relayPage, untilCounted } from './observatory/ask-figures.ts'
import { reaching, relayNames, startWatchedNetwork } from './observatory/watched-network.ts'
import { Stage } from './stoa-process.ts'

vi.setConfig({ testTimeout: 240_000 })

const PATIENCE = { timeout: 60_000, interval: 1_000 }
const SEEDS = 4
/** Comments, live streams, groups, gift wraps, files, classifieds, and kinds that nobody has given a meaning. */
const UNUSUAL_KINDS = [1111, 30311, 445, 1059, 1063, 30402, 2, 39_999, 65_535]
const alice = authorNamed('alice')
const monitor = authorNamed('a monitor')

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

test('with an empty list of kinds all are counted, also of relays that only a relay list or another monitor names; throwaway keys are nobody', async () => {
  const urls = await relayNames(SEEDS + 2)
  const seeds = urls.slice(0, SEEDS)
  const [listed = '', monitored = ''] = urls.slice(SEEDS)
  const network = await startWatchedNetwork(
    urls.map((url) => ({ url })),
    'all',
  )
  stage.atEnd(() => void network.stop())
  network.publish([
    { event: eventBy(alice, { kind: 10002, tags: [['r', listed, 'write']] }), urls: [seeds[0]!] },
    { event: measured(monitored, 0), urls: [seeds[1]!] },
    { event: eventBy(alice, { content: 'where the list leads' }), urls: [listed] },
    { event: eventBy(alice, { content: 'where the monitor leads' }), urls: [monitored] },
    ...UNUSUAL_KINDS.map((kind, n) => ({
      // Each by somebody else; of a gift wrap or a message of a group nobody can tell by whom.
      event: eventBy(authorNamed(`author of ${kind}`), { kind, tags: [['d', `${kind}`]] }),
      urls: [urls[n % urls.length]!, urls[(n + 1) % urls.length]!],
    })),
  ])
  const stoa = await stage.start({
    hasOffice: true,
    env: {
      ...reaching(stage, network.loopback.addresses),
      STOA_OBSERVATORY__SEEDS: seeds.join(','),
      STOA_OBSERVATORY__DISCOVER: 'true',
      STOA_OBSERVATORY__KINDS: '[]',
    },
  })

  const full = await untilCounted(stoa, network)
  for (const kind of UNUSUAL_KINDS) expect(full.events.distribution.by_kind[kind]).toBe(1)
  // Alice, the monitor, and everybody but the authors of 445 and 1059.
  expect(full.overview.unique_authors).toBe(2 + UNUSUAL_KINDS.length - 2)
  for (const url of [listed, monitored]) expect(network.loopback.clientsOf(url)).toBe(1)
  // What a monitor says of a relay is shown beside our own figures, once the relay is known.
  let said = 0
  await vi.waitFor(async () => {
    network.publish([{ event: measured(monitored, ++said), urls: [seeds[1]!] }])
    const { monitors } = await relayPage(stoa, monitored)
    expect(monitors).toEqual([expect.objectContaining({ monitor: monitor.pubkey, rtt_open: 123 })])
  }, PATIENCE)
})

/** What another monitor says (NIP-66), so many seconds later. */
function measured(url: string, laterSeconds: number) {
  const created_at = Math.floor(Date.now() / 1_000) + laterSeconds
  const tags = [
    ['d', `${url}/`],
    ['rtt-open', '123'],
  ]
  return eventBy(monitor, { kind: 30166, created_at, tags })
}
