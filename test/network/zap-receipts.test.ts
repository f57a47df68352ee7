import { hash } from 'node:crypto'
import bolt11 from 'light-bolt11-decoder'
import { expect, test } from 'vitest'
import { createSigner } from '../../bench/dataset/signer.ts'
import { syntheticEvents } from '../../bench/dataset/synthetic.ts'
import {
  frameOf,
  NOW_SECONDS,
  rowsOf,
  testFeed,
  testIntake,
} from '../../src/observatory/intake/testing/index.ts'
import { signInvoice } from './bolt11-invoice.ts'
import { withPaidZaps } from './zap-receipts.ts'

/** An example of BOLT-11: "2000 microbitcoins for a list of items". */
const LIST =
  'One piece of chocolate cake, one icecream cone, one pickle, one slice of swiss cheese, one slice of salami, ' +
  'one lollypop, one piece of cherry pie, one sausage, one cupcake, and one slice of watermelon'
const EXAMPLE_KEY = 'e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734'
const EXAMPLE_TERMS = {
  amountSats: 2_000_000,
  createdAtSeconds: 1_496_314_658,
  paymentHash: '0001020304050607080900010203040506070809000102030405060708090102',
  paymentSecret: '11'.repeat(32),
  descriptionHash: hash('sha256', LIST),
}
const EXAMPLE =
  'lnbc20m1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwz' +
  'qfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqs9qrsgq7ea976txfraylvgzuxs8kgcw23ezlrszfnh8r6qtfpr6cxga50aj6' +
  'txm9rxrydzd06dfeawfk6swupvz4erwnyutnjq7x39ymw6j38gp7ynn44'

test('an invoice is the one that BOLT-11 has for the same terms and key', () => {
  expect(signInvoice(EXAMPLE_TERMS, Buffer.from(EXAMPLE_KEY, 'hex'))).toBe(EXAMPLE)
})

test.each([
  [21, '21000'],
  [100, '100000'],
  [2_100, '2100000'],
  [100_000, '100000000'],
])('an invoice for %i sats is read as %s millisatoshi, with all its terms', (amountSats, msat) => {
  const terms = { ...EXAMPLE_TERMS, amountSats }
  const { sections } = bolt11.decode(signInvoice(terms, Buffer.from(EXAMPLE_KEY, 'hex')))
  const sectionOf = (wanted: string) => sections.find(({ name }) => name === wanted)
  expect(sectionOf('amount')).toMatchObject({ value: msat })
  expect(sectionOf('timestamp')).toMatchObject({ value: terms.createdAtSeconds })
  expect(sectionOf('payment_hash')).toMatchObject({ value: terms.paymentHash })
  expect(sectionOf('description_hash')).toMatchObject({ value: terms.descriptionHash })
})

test('the observatory counts the zaps that stand in for those that pay nothing, and other events are as they were', async () => {
  const options = { seed: 'zaps', count: 400, profile: 'square', endsAtSeconds: NOW_SECONDS } as const
  const unpaid = [...syntheticEvents(options, createSigner())]
  const paid = await withPaidZaps(unpaid, 1)
  const intake = await testIntake()
  for (const event of paid) intake.take(testFeed(1), frameOf(event))
  const rows = rowsOf(intake.takeBatch())

  const zaps = rows.filter(({ kind }) => kind === 9735)
  expect(zaps.length).toBeGreaterThan(10)
  for (const { zapMsat } of zaps) expect(zapMsat).toBeGreaterThanOrEqual(21_000n)
  expect(rows).toHaveLength(unpaid.length)
  expect(paid.filter(({ kind }) => kind !== 9735)).toEqual(unpaid.filter(({ kind }) => kind !== 9735))
})
