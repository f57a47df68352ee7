import { expect, test } from 'vitest'
import { isLocalHost, requestUrls } from './request-urls.ts'

test.each([
  'localhost',
  'localhost:7777',
  'a.localhost',
  '127.0.0.1:7777',
  '10.1.2.3',
  '192.168.0.9:80',
  '172.31.0.1',
  '[::1]:7777',
  '[fd00::1]',
])('%s means another machine everywhere else', (host) => expect(isLocalHost(host)).toBe(true))

test.each([
  'relay.example',
  '192.0.2.1',
  '172.32.0.1',
  'localhost.example',
  '127.0.0.1.example',
  '[2001:db8::1]',
  'localhost@evil.example',
  'localhost/x',
  '',
  'a b',
])('%s may be the name of somebody else', (host) => expect(isLocalHost(host)).toBe(false))

test('a request is known by the public URL with its path, and by a name of this machine', () => {
  const knownAs = { publicUrl: 'wss://relay.example/nostr/', otherUrls: ['http://x.onion'] }
  expect(requestUrls(knownAs, 'localhost:7777', '/dashboard/status?a=1')).toEqual([
    'wss://relay.example/nostr/dashboard/status?a=1',
    'http://x.onion/dashboard/status?a=1',
    'http://localhost:7777/dashboard/status?a=1',
    'https://localhost:7777/dashboard/status?a=1',
  ])
  expect(requestUrls({ publicUrl: '', otherUrls: [] }, 'evil.example', '/')).toEqual([])
})
