import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { createSignatureVerifier } from '../../platform/index.ts'
import { frameOf, rowsOf, signedEvent, testFeed, testIntake, testSigner } from './testing/index.ts'
import { testInvoice } from './testing/invoice.ts'
import { readZapReceipt } from './zap-receipt.ts'
import type { ZapSignerStatus } from './zap-signers.ts'

const RECIPIENT = testSigner(1).publicKey
const OTHER = testSigner(2).publicKey
/** The recipient's wallet. */
const WALLET = 9
const verifier = await createSignatureVerifier('auto')

interface ReceiptParts {
  readonly request?: NostrEvent
  readonly description?: string
  readonly invoice?: string
  readonly recipient?: string
}

async function requestFor(
  recipient = RECIPIENT,
  tags: readonly (readonly string[])[] = [],
): Promise<NostrEvent> {
  return signedEvent({ by: 5, kind: 9734, tags: [['p', recipient], ...tags] })
}

async function receipt({ request, description, invoice, recipient = RECIPIENT }: ReceiptParts = {}) {
  const said = description ?? JSON.stringify(request ?? (await requestFor()))
  const paid = invoice ?? testInvoice({ amount: '10u', descriptionHash: hash('sha256', said) })
  return signedEvent({
    by: WALLET,
    kind: 9735,
    tags: [
      ['p', recipient],
      ['bolt11', paid],
      ['description', said],
    ],
  })
}

const msatOf = async (parts: ReceiptParts) => readZapReceipt(await receipt(parts), { verifier }).zapMsat

test('a receipt pays what its invoice is for', async () => {
  expect(await msatOf({})).toBe(1_000_000n)
  expect(await msatOf({ invoice: testInvoice({ amount: '2500n' }) })).toBe(250_000n)
  expect(await msatOf({ invoice: testInvoice({ amount: '10' }) })).toBe(1_000_000_000_000n)
  expect(await msatOf({ request: await requestFor(RECIPIENT, [['amount', '1000000']]) })).toBe(1_000_000n)
})

test('a receipt pays nothing when its invoice is absurd, without an amount, of another network, or none', async () => {
  for (const invoice of [
    testInvoice({ amount: '11' }),
    testInvoice({ amount: '' }),
    testInvoice({ amount: '10u', network: 'tb' }),
    testInvoice({ amount: '10u' }).slice(0, -1),
    'lnbc1',
    '',
    'x'.repeat(5_000),
  ])
    expect(await msatOf({ invoice })).toBe(0n)
})

test('a receipt pays nothing when its zap request is forged, for another amount or for somebody else', async () => {
  const request = await requestFor()
  const forged = { ...request, sig: 'a'.repeat(128) }
  const changed = { ...request, content: 'more' }
  for (const part of [
    forged,
    changed,
    await requestFor(OTHER),
    await requestFor(RECIPIENT, [['amount', '999']]),
  ])
    expect(await msatOf({ request: part })).toBe(0n)
  expect(await msatOf({ request: await signedEvent({ kind: 1, tags: [['p', RECIPIENT]] }) })).toBe(0n)
  for (const description of ['', 'null', '{', 'x'.repeat(70_000)])
    expect(await msatOf({ description })).toBe(0n)
  expect(await msatOf({ recipient: OTHER })).toBe(0n)
})

test('a receipt pays nothing when its invoice commits to another request', async () => {
  expect(await msatOf({ invoice: testInvoice({ amount: '10u', descriptionHash: 'ab'.repeat(32) }) })).toBe(0n)
})

test.each([
  ['confirmed', 1_000_000n, true],
  ['unknown', 1_000_000n, false],
  ['refused', 0n, false],
] as const)(
  'a zap whose signer is %s counts accordingly, for every relay that shows it',
  async (status, zapMsat, isZapSignerChecked) => {
    const asked: string[][] = []
    const statusOf = (...question: string[]): ZapSignerStatus => {
      asked.push(question)
      return status
    }
    const intake = await testIntake({ zapSigners: { statusOf } })
    const frame = frameOf(await receipt())
    for (const relay of [1, 2]) intake.take(testFeed(relay), frame)
    for (const row of rowsOf(intake.takeBatch()))
      expect(row).toMatchObject({ kind: 9735, zapMsat, isZapSignerChecked })
    expect(asked).toEqual([[RECIPIENT, testSigner(WALLET).publicKey]])
  },
)
