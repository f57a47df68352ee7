import { expect, test } from 'vitest'
import { clientAddress, TrustedProxies } from './client-address.ts'

const none = new TrustedProxies([])
const proxies = new TrustedProxies(['10.0.0.0/8', '2001:db8:1::/48', '192.0.2.7'])

test('without a trusted proxy the header is what the client says of itself, and nobody listens', () => {
  expect(clientAddress('203.0.113.5', '198.51.100.1', none)).toBe('203.0.113.5')
  expect(clientAddress('203.0.113.5', '198.51.100.1', proxies)).toBe('203.0.113.5')
})

test('from a trusted proxy the right-most address that is no trusted proxy counts', () => {
  expect(clientAddress('10.1.2.3', '1.1.1.1, 198.51.100.1, 10.9.9.9', proxies)).toBe('198.51.100.1')
  expect(clientAddress('192.0.2.7', '198.51.100.2', proxies)).toBe('198.51.100.2')
})

test('a trusted proxy that names nobody, or nonsense, stands for itself', () => {
  expect(clientAddress('10.1.2.3', undefined, proxies)).toBe('10.1.2.3')
  expect(clientAddress('10.1.2.3', '10.1.1.1', proxies)).toBe('10.1.2.3')
  expect(clientAddress('10.1.2.3', '198.51.100.1, unknown', proxies)).toBe('10.1.2.3')
})

test('IPv4 inside IPv6 is IPv4', () => {
  expect(clientAddress('::ffff:10.1.2.3', '198.51.100.1', proxies)).toBe('198.51.100.1')
  expect(clientAddress('::ffff:203.0.113.5', undefined, none)).toBe('203.0.113.5')
})

test('IPv6 clients of one /64 are one client, loopback is itself', () => {
  expect(clientAddress('2001:db8:5:6:7::1', undefined, none)).toBe('2001:db8:5:6::/64')
  expect(clientAddress('2001:db8:5:6::2', undefined, none)).toBe('2001:db8:5:6::/64')
  expect(clientAddress('2001:db8:5::1', undefined, none)).toBe('2001:db8:5:0::/64')
  expect(clientAddress('::1', undefined, none)).toBe('::1')
  expect(clientAddress('2001:db8:1::9', '2001:db8:77::5', proxies)).toBe('2001:db8:77:0::/64')
})

test('a peer without an address is the proxy at the Unix socket, whose word is taken', () => {
  expect(clientAddress(undefined, '1.2.3.4', proxies)).toBe('1.2.3.4')
  expect(clientAddress(undefined, undefined, proxies)).toBe('')
})
