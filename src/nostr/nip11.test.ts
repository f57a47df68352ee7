import { expect, test } from 'vitest'
import { isRelayInformationRequest } from './nip11.ts'

test.each([
  'application/nostr+json',
  'application/nostr+json, */*;q=0.5',
  'text/html;q=0.9,Application/Nostr+JSON ; charset=utf-8',
])('Accept: %s asks for the document', (accept) => {
  expect(isRelayInformationRequest(accept)).toBe(true)
})

test.each([undefined, '', '*/*', 'application/json', 'application/nostr+json+rpc', 'text/html,*/*;q=0.8'])(
  'Accept: %s does not',
  (accept) => {
    expect(isRelayInformationRequest(accept)).toBe(false)
  },
)
