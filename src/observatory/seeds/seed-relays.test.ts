import { isIP } from 'node:net'
import { expect, test } from 'vitest'
import { normalizeRelayUrl } from '../../nostr/index.ts'
import { seedRelays } from './index.ts'

test('there are some hundred relays, and no more than 500', async () => {
  const seeds = await seedRelays()
  expect(seeds.length).toBeGreaterThanOrEqual(240)
  expect(seeds.length).toBeLessThanOrEqual(500)
})

test('each is spelt in the one way: wss, host in lower case with a name, no slash at the end, nothing behind the path', async () => {
  const wrong = (await seedRelays()).filter((url) => {
    const { protocol, hostname, host, pathname } = new URL(url)
    const spelt = `wss://${host}${pathname === '/' ? '' : pathname}`
    return (
      protocol !== 'wss:' ||
      url !== spelt ||
      url.endsWith('/') ||
      !hostname.includes('.') ||
      isIP(hostname) !== 0
    )
  })
  expect(wrong).toEqual([])
})

test('none is an onion service, a private name, or there twice, however its case and slashes are spelt', async () => {
  const seeds = await seedRelays()
  expect(seeds.filter((url) => /\.(?:onion|local|lan|internal|test|example)(?::|\/|$)/.test(url))).toEqual([])
  expect(new Set(seeds.map((url) => normalizeRelayUrl(url)?.toLowerCase())).size).toBe(seeds.length)
})

test('no host has more than two, and no path is one of a person', async () => {
  const seeds = await seedRelays()
  const ofHost = Map.groupBy(seeds, (url) => new URL(url).hostname)
  expect([...ofHost].filter(([, urls]) => urls.length > 2)).toEqual([])
  expect(seeds.filter((url) => /npub1|[0-9a-f]{32}/i.test(new URL(url).pathname))).toEqual([])
})
