import { expect, test } from 'vitest'
import { countryName, ownName, relayName, softwareName, stateWords } from './relay-names.ts'

test('a relay is called by its address, and one without encryption says so', () => {
  expect(relayName('wss://relay.example/')).toBe('relay.example')
  expect(relayName('wss://relay.example/inbox')).toBe('relay.example/inbox')
  expect(relayName('ws://relay.example:7777')).toBe('ws://relay.example:7777')
})

test('a name that only repeats the address is not said a second time', () => {
  expect(ownName({ url: 'wss://relay.example/', name: 'Relay.example' })).toBe('')
  expect(ownName({ url: 'wss://relay.example', name: 'The Agora' })).toBe('The Agora')
  expect(ownName({ url: 'wss://relay.example', name: null })).toBe('')
})

test('a program is called by the last word of its repository', () => {
  expect(softwareName('git+https://github.com/hoytech/strfry.git')).toBe('strfry')
  expect(softwareName('https://github.com/fiatjaf/khatru#readme')).toBe('khatru')
  expect(softwareName(' Nostream ')).toBe('nostream')
  expect(softwareName('/')).toBe('/')
})

test('a country has a name, and what is none is shown as it is', () => {
  expect(countryName('de')).toBe('Germany (DE)')
  expect(countryName('Mars')).toBe('Mars')
})

test('a state is told in a word for people', () => {
  expect(stateWords('waiting').word).toBe('down')
  expect(stateWords('unheard-of').word).toBe('unheard-of')
})
