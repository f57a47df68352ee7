import { expect, test } from 'vitest'
import { encodeEvent } from './canonical.ts'
import { reason } from './reason.ts'
import {
  authMessage,
  closedMessage,
  countMessage,
  eoseMessage,
  eventMessage,
  negErrorMessage,
  negMessage,
  noticeMessage,
  okMessage,
} from './relay-message.ts'
import { testEvent } from './testing.ts'

test('each message has the form of its NIP', () => {
  expect(okMessage('ab', false, reason('pow', '8 bits needed'))).toBe(
    '["OK","ab",false,"pow: 8 bits needed"]',
  )
  expect(okMessage('ab', true, '')).toBe('["OK","ab",true,""]')
  expect(eoseMessage('s')).toBe('["EOSE","s"]')
  expect(closedMessage('s', reason('error', 'busy'))).toBe('["CLOSED","s","error: busy"]')
  expect(noticeMessage('hello')).toBe('["NOTICE","hello"]')
  expect(authMessage('c')).toBe('["AUTH","c"]')
  expect(countMessage('s', 3)).toBe('["COUNT","s",{"count":3}]')
  expect(negMessage('s', Uint8Array.of(0x61, 0, 0xff))).toBe('["NEG-MSG","s","6100ff"]')
  expect(negErrorMessage('s', reason('closed', 'not open'))).toBe('["NEG-ERR","s","closed: not open"]')
  expect(negErrorMessage('s', reason('blocked', 'too many'), 500)).toBe(
    '["NEG-ERR","s","blocked: too many",500]',
  )
})

test('EOSE says whether more is stored only when it is told', () => {
  expect(eoseMessage('s', 'finish')).toBe('["EOSE","s",["finish"]]')
  expect(eoseMessage('s', 'more')).toBe('["EOSE","s",["more"]]')
  expect(eoseMessage('s', undefined)).toBe('["EOSE","s"]')
})

test('a count carries its registers and whether it is an estimate only when there is something to say', () => {
  expect(countMessage('s', 3, { hll: 'ab' })).toBe('["COUNT","s",{"count":3,"hll":"ab"}]')
  expect(countMessage('s', 3, { approximate: true })).toBe('["COUNT","s",{"count":3,"approximate":true}]')
  expect(countMessage('s', 3, { approximate: false })).toBe('["COUNT","s",{"count":3}]')
})

test('a subscription id is echoed exactly, whatever it holds', () => {
  const event = testEvent({ content: '"🤙"\n' })
  const id = '"\\\u0000🤙'
  expect(JSON.parse(eventMessage(id, encodeEvent(event)))).toEqual(['EVENT', id, event])
  expect(JSON.parse(eoseMessage(id))).toEqual(['EOSE', id])
  expect(JSON.parse(negMessage(id, Uint8Array.of(0x61)))).toEqual(['NEG-MSG', id, '61'])
})
