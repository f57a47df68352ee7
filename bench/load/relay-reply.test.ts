import { expect, test } from 'vitest'
import { eventIdAt, idPrefix, idPrefixAt, REPLY, replyAt, secondMemberAt } from './relay-reply.ts'

const ID = '00ff12ab34cd'.padEnd(64, '7')

test.each([
  ['["EVENT","s",{}]', REPLY.event],
  ['["EOSE","s"]', REPLY.eose],
  [`["OK","${ID}",true,""]`, REPLY.ok],
  ['["COUNT","s",{"count":1}]', REPLY.count],
  ['["CLOSED","s","error: x"]', REPLY.closed],
  ['["NOTICE","x"]', REPLY.notice],
  ['["AUTH","challenge"]', REPLY.other],
])('%s is told by its first letters', (text, reply) => {
  expect(replyAt(Buffer.from(`..${text}`), 2)).toBe(reply)
})

test.each(['["OK","', '["OK", "', '["OK" , "'])('the id after %s is found', (before) => {
  const buffer = Buffer.from(`${before}${ID}",true,""]`)
  expect(idPrefixAt(buffer, secondMemberAt(buffer, 0))).toBe(idPrefix(ID))
})

test('the id of a delivered event is found in any order of members, and not in what people wrote', () => {
  const tricky = { tags: [['id', '"id":"ffff']], content: 'say {"id":"ffffffffffff"}' }
  for (const event of [
    { id: ID, ...tricky },
    { ...tricky, id: ID },
  ]) {
    const text = JSON.stringify(['EVENT', 's0', event])
    const buffer = Buffer.from(`${text}["EVENT","s1",{"id":"${'e'.repeat(64)}"}]`)
    expect(idPrefixAt(buffer, eventIdAt(buffer, 0, text.length))).toBe(idPrefix(ID))
  }
})

test('a delivery without an id does not borrow the id of the next message', () => {
  const text = '["EVENT","s0",{"kind":1}]'
  expect(eventIdAt(Buffer.from(`${text}["EVENT","s1",{"id":"${ID}"}]`), 0, text.length)).toBe(-1)
})
