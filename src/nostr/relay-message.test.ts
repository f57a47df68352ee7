import { expect, test } from 'vitest'
import { encodeEvent } from './canonical.ts'
import { reason } from './reason.ts'
import {
  authMessage,
  closedMessage,
  countMessage,
  eoseMessage,
  eventMessage,
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
})

test('a subscription id is echoed exactly, whatever it holds', () => {
  const event = testEvent({ content: '"🤙"\n' })
  const id = '"\\\u0000🤙'
  expect(JSON.parse(eventMessage(id, encodeEvent(event)))).toEqual(['EVENT', id, event])
  expect(JSON.parse(eoseMessage(id))).toEqual(['EOSE', id])
})
