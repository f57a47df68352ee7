import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type AddressRefusal, MAX_RELAY_URL_CHARACTERS, normalizeRelayAddress } from './relay-address.ts'

const ANYWHERE = { allowPrivate: true, allowOnion: true }

test.each([
  ['wss://relay.damus.io', 'wss://relay.damus.io'],
  ['WSS://Relay.Damus.IO:443///', 'wss://relay.damus.io'],
  ['  wss://relay.damus.io.  ', 'wss://relay.damus.io'],
  ['wss://nos.lol:8443/Path/', 'wss://nos.lol:8443/Path'],
  ['wss://bücher.example.org/', 'wss://xn--bcher-kva.example.org'],
  ['ws://nos.lol', 'wss://nos.lol'],
  ['ws://nos.lol:7777', 'ws://nos.lol:7777'],
  ['wss://8.8.8.8', 'wss://8.8.8.8'],
  ['wss://[2606:4700::1111]:4848/', 'wss://[2606:4700::1111]:4848'],
])('%s is spelled %s', (url, canonical) => {
  expect(normalizeRelayAddress(url)).toEqual({ ok: true, value: canonical })
  expect(normalizeRelayAddress(canonical)).toEqual({ ok: true, value: canonical })
})

describe('what is not connected to', () => {
  const refusals: readonly (readonly [string, AddressRefusal])[] = [
    ['', 'not-a-relay-url'],
    ['https://nos.lol', 'not-a-relay-url'],
    ['wss://', 'not-a-relay-url'],
    ['wss://a.com,wss://b.com', 'not-a-relay-url'],
    ['wss://nos.lol/wss://relay.damus.io', 'not-a-relay-url'],
    ['wss://nos.lol/%20', 'not-a-relay-url'],
    ['wss://me:secret@nos.lol', 'with-credentials'],
    ['wss://nos.lol/?token=secret', 'with-query'],
    ['wss://nos.lol/#secret', 'with-query'],
    [`wss://nos.lol/${'x'.repeat(MAX_RELAY_URL_CHARACTERS)}`, 'too-long'],
    ['wss://localhost', 'no-public-name'],
    ['wss://umbrel', 'no-public-name'],
    ['wss://umbrel.local:4848', 'no-public-name'],
    ['wss://metadata.google.internal', 'no-public-name'],
    ['wss://127.0.0.1', 'private-address'],
    ['wss://2130706433', 'private-address'],
    ['wss://0x7f.1', 'private-address'],
    ['wss://0177.0.0.1', 'private-address'],
    ['wss://[::1]', 'private-address'],
    ['wss://[::ffff:127.0.0.1]', 'private-address'],
    ['wss://[::ffff:8.8.8.8]', 'private-address'],
    ['wss://[64:ff9b::7f00:1]', 'private-address'],
    ['wss://[2002:7f00:1::]', 'private-address'],
    ['wss://[fe80::1]', 'private-address'],
    ['wss://[fd00::1]', 'private-address'],
    ['wss://[ff02::1]', 'private-address'],
    ['wss://0.0.0.0:2929', 'private-address'],
    ['wss://10.0.0.194:4848', 'private-address'],
    ['wss://100.120.227.75:4848', 'private-address'],
    ['wss://169.254.169.254', 'private-address'],
    ['wss://172.31.0.1', 'private-address'],
    ['wss://192.168.1.33:4848', 'private-address'],
    ['wss://224.0.0.1', 'private-address'],
    ['wss://255.255.255.255', 'private-address'],
    ['wss://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion', 'onion-without-proxy'],
    ['wss://nos.lol:22', 'port-of-another-service'],
    ['wss://nos.lol:25', 'port-of-another-service'],
    ['wss://nos.lol:0', 'port-of-another-service'],
    ['wss://nos.lol:6379', 'port-of-another-service'],
  ]
  test.each(refusals)('%s is refused: %s', (url, refusal) => {
    expect(normalizeRelayAddress(url)).toEqual({ ok: false, refusal })
  })
})

test('what an operator allows keeps its scheme', () => {
  for (const url of ['ws://127.0.0.1:7777', 'ws://localhost', `ws://${'a'.repeat(56)}.onion`]) {
    expect(normalizeRelayAddress(url, ANYWHERE)).toEqual({ ok: true, value: url })
  }
})

const UNION = join(import.meta.dirname, '../../../../shared/data/relays/relays_union.tsv')
if (!existsSync(UNION)) console.warn('SKIPPED: addresses of the real list, since ../shared/data is not here')

test.skipIf(!existsSync(UNION))(
  'of the real list nothing is accepted twice under two spellings of the same',
  () => {
    const urls = readFileSync(UNION, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t')[0] ?? '')
    const accepted = urls.map((url) => normalizeRelayAddress(url)).flatMap((a) => (a.ok ? [a.value] : []))
    expect(accepted.length).toBeGreaterThan(5_000)
    for (const url of accepted) expect(normalizeRelayAddress(url)).toEqual({ ok: true, value: url })
  },
)
