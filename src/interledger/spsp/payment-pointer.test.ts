import { expect, test } from 'vitest'
import { formatPaymentPointer, resolvePaymentPointer } from './payment-pointer.ts'

test.each([
  ['$example.com', 'https://example.com/.well-known/pay', '$example.com'],
  ['$example.com/', 'https://example.com/.well-known/pay', '$example.com'],
  ['$example.com/invoices/12345', 'https://example.com/invoices/12345', '$example.com/invoices/12345'],
  ['$bob.Example.com', 'https://bob.example.com/.well-known/pay', '$bob.example.com'],
  ['https://example.com/spsp/alice', 'https://example.com/spsp/alice', '$example.com/spsp/alice'],
  ['http://127.0.0.1:4000/pay/bob', 'http://127.0.0.1:4000/pay/bob', undefined],
  ['http://localhost/pay', 'http://localhost/pay', undefined],
])('%s is asked at %s', (text, url, pointer) => {
  const resolved = resolvePaymentPointer(text)
  expect(resolved).toMatchObject({ ok: true, value: { href: url } })
  if (resolved.ok) expect(formatPaymentPointer(resolved.value)).toBe(pointer)
})

test.each([
  'example.com',
  '$',
  '$example.com:8080/x',
  '$user@example.com',
  '$example.com/x?a=b',
  '$example.com/x#y',
  '$exämple.com',
  '$example.com\\@evil.example',
  'http://example.com/pay',
  'http://127.0.0.1.evil.example/pay',
  'ftp://example.com/pay',
  'https://user:word@example.com/pay',
  'https://example.com/pay?a=b',
  `$example.com/${'x'.repeat(3000)}`,
])('%s is refused', (text) => {
  expect(resolvePaymentPointer(text).ok).toBe(false)
})
