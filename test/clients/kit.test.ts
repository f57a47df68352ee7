import { expect, test } from 'vitest'
import { dialledHosts } from './kit.ts'

test('nothing in these tests gets away from the machine', async () => {
  await expect(fetch('http://192.0.2.1/')).rejects.toThrow('fetch failed')
  const socket = new WebSocket('wss://relay.example')
  await new Promise((resolve) => socket.addEventListener('error', resolve))
  expect(dialledHosts()).toEqual(['192.0.2.1', 'relay.example'])
})
