/** The other implementation of NIP-77 there is: nostr-tools as the client, our relay as the relay. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nip77 } from 'nostr-tools'
import { Relay } from 'nostr-tools/relay'
import { afterEach, expect, test } from 'vitest'
import { openLogStore } from '../../src/events/log/index.ts'
import { fillStore, startTestRelay, unsignedEvent } from '../../src/mirrors/testing/index.ts'
import { nowSeconds } from './kit.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

test.each([
  [20_000, 100],
  [100, 0],
  [5_000, 5_000],
])(
  'nostr-tools finds exactly what differs among %i events when %i are missing on each side',
  async (count, missing) => {
    const all = Array.from({ length: count + missing }, (_, n) =>
      unsignedEvent({ content: `${n}`, created_at: nowSeconds() - 100_000 + Math.floor(n / 2) }),
    )
    // What each side lacks lies scattered among what both have.
    const step = missing === 0 ? Number.POSITIVE_INFINITY : Math.floor(all.length / missing)
    const onlyTheirs = all.filter((_, n) => n % step === 0).slice(0, missing)
    const onlyOurs = all.filter((_, n) => n % step === 1).slice(0, missing)
    const [lacksHere, lacksThere] = [idsOf(onlyTheirs), idsOf(onlyOurs)]

    const folder = mkdtempSync(join(tmpdir(), 'stoa-negentropy-'))
    const store = await openLogStore({ folder })
    cleanUps.push(
      () => rmSync(folder, { recursive: true }),
      () => store.close(),
    )
    await fillStore(
      store,
      all.filter(({ id }) => !lacksHere.has(id)),
    )
    const server = await startTestRelay(store)
    cleanUps.push(() => server.stop())
    const storage = new nip77.NegentropyStorageVector()
    for (const { id, created_at } of all) if (!lacksThere.has(id)) storage.insert(created_at, id)
    storage.seal()

    const relay = await Relay.connect(server.url)
    cleanUps.push(() => relay.close())
    const [have, need] = [new Set<string>(), new Set<string>()]
    const { promise: closed, resolve: onclose } = Promise.withResolvers<string | undefined>()
    const sync = new nip77.NegentropySync(
      relay,
      storage,
      {},
      {
        onhave: (id) => have.add(id),
        onneed: (id) => need.add(id),
        onclose,
      },
    )
    await sync.start()
    expect(await closed).toBeUndefined()
    expect(have).toEqual(lacksHere)
    expect(need).toEqual(lacksThere)
  },
)

function idsOf(events: readonly { readonly id: string }[]): ReadonlySet<string> {
  return new Set(events.map(({ id }) => id))
}
