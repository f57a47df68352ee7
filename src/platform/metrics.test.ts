import { expect, test } from 'vitest'
import { createDurations, noteDuration } from '../kernel/index.ts'
import { createMetricsRegistry, describeMetrics, keptFor, Meter, oncePerTurn } from './index.ts'

function meterUnderTest() {
  const registry = createMetricsRegistry()
  const linesOf = async (name: string) =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith(name))
  return { registry, meter: new Meter(registry), linesOf }
}

test('a number is read anew at every scrape, and a counter shows what was counted, once', async () => {
  const { meter, linesOf } = meterUnderTest()
  let count = 5
  meter.gauge('test_now', 'Now.', () => count)
  meter.counter('test_total', 'All.', () => count)
  expect(await linesOf('test_')).toEqual(['test_now 5', 'test_total 5'])
  count = 7
  expect(await linesOf('test_')).toEqual(['test_now 7', 'test_total 7'])
})

test('a label value that is gone is shown no more', async () => {
  const { meter, linesOf } = meterUnderTest()
  let names = ['one', 'two']
  meter.gauges('test_each', 'Each.', ['name'], () => names.map((name) => [[name], 1]))
  expect(await linesOf('test_')).toHaveLength(2)
  names = ['two']
  expect(await linesOf('test_')).toEqual(['test_each{name="two"} 1'])
})

test('what cannot be read is left out, and costs the others nothing', async () => {
  const { meter, linesOf } = meterUnderTest()
  meter.gauge('test_a', 'Throws.', () => {
    throw new Error('no')
  })
  meter.counter('test_b_total', 'Rejects.', () => Promise.reject(new Error('no')))
  meter.gauge('test_c', 'Is not there yet.', () => undefined)
  meter.gauge('test_d', 'Is well.', async () => 4)
  expect(await linesOf('test_')).toEqual(['test_d 4'])
})

test('what never answers does not hold up the scrape for ever', async () => {
  const { meter, linesOf } = meterUnderTest()
  meter.gauge('test_hangs', 'Hangs.', () => new Promise<number>(() => {}))
  meter.gauge('test_well', 'Is well.', () => 1)
  expect(await linesOf('test_')).toEqual(['test_well 1'])
})

test('durations are a histogram of Prometheus: cumulative, with sum and count', async () => {
  const { meter, linesOf } = meterUnderTest()
  const durations = createDurations()
  for (const tookMs of [0.2, 30, 30, 60_000]) noteDuration(durations, tookMs)
  meter.histogram('test_seconds', 'Took.', () => durations)
  const lines = await linesOf('test_')
  expect(lines).toContain('test_seconds_bucket{le="0.0005"} 1')
  expect(lines).toContain('test_seconds_bucket{le="0.05"} 3')
  expect(lines).toContain('test_seconds_bucket{le="10"} 3')
  expect(lines.slice(-3)).toEqual([
    'test_seconds_bucket{le="+Inf"} 4',
    'test_seconds_sum 60.0602',
    'test_seconds_count 4',
  ])
})

test('a description has the type and the labels that are printed', async () => {
  const { registry, meter } = meterUnderTest()
  meter.counters('test_total', 'All.', ['by', 'of'], () => [])
  meter.histogram('test_seconds', 'Took.', createDurations)
  const described = describeMetrics(registry).filter(({ name }) => name.startsWith('test_'))
  expect(described).toEqual([
    { name: 'test_seconds', type: 'histogram', help: 'Took.', labels: [] },
    { name: 'test_total', type: 'counter', help: 'All.', labels: ['by', 'of'] },
  ])
  const text = await registry.metrics()
  for (const { name, type } of described) expect(text).toContain(`# TYPE ${name} ${type}`)
})

test('one look serves a whole answer, and the next answer has a look of its own', async () => {
  let looks = 0
  const look = oncePerTurn(() => ++looks)
  expect([look(), look()]).toEqual([1, 1])
  await new Promise((resolve) => setImmediate(resolve))
  expect(look()).toBe(2)
})

test('a costly look is not repeated while what it saw is good enough', () => {
  let looks = 0
  const seldom = keptFor(60_000, () => ++looks)
  expect([seldom(), seldom()]).toEqual([1, 1])
  const always = keptFor(0, () => ++looks)
  expect([always(), always()]).toEqual([2, 3])
})
