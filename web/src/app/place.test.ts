import { expect, test } from 'vitest'
import { readPlace } from './place.ts'

test('a relay has a page, whatever a proxy made of its address', () => {
  const relay = { page: 'relay', url: 'wss://relay.example/inbox' }
  expect(readPlace('/relays/wss%3A%2F%2Frelay.example%2Finbox')).toEqual(relay)
  expect(readPlace('/relays/wss://relay.example/inbox')).toEqual(relay)
  expect(readPlace('/relays/wss:/relay.example/inbox')).toEqual(relay)
})

test('anything else is nowhere', () => {
  expect(readPlace('/')).toEqual({ page: 'front' })
  expect(readPlace('/relays/')).toEqual({ page: 'nowhere' })
  expect(readPlace('/relays/%E0%A4%A')).toEqual({ page: 'nowhere' })
  expect(readPlace('/relays/javascript%3Aalert(1)')).toEqual({ page: 'nowhere' })
  expect(readPlace('/relays/You%20have%20won')).toEqual({ page: 'nowhere' })
  expect(readPlace('/elsewhere')).toEqual({ page: 'nowhere' })
})
