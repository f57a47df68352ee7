import { expect, test } from 'vitest'
import { parseBtpUrl } from './btp-url.ts'

test.each([
  ['wss://peer.example/btp', 'wss://peer.example/btp'],
  ['ws://127.0.0.1:7777', 'ws://127.0.0.1:7777/'],
  ['btp+wss://peer.example/btp', 'wss://peer.example/btp'],
])('%s is the address %s', (text, href) => {
  expect(parseBtpUrl(text)).toMatchObject({ ok: true, value: { href } })
})

test.each([
  '',
  'peer.example',
  'https://peer.example',
  'btp+https://peer.example',
  'btp+ws://:token@peer.example',
  'wss://name@peer.example',
])('%j is refused', (text) => {
  expect(parseBtpUrl(text).ok).toBe(false)
})
