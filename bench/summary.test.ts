import { expect, test } from 'vitest'
import type { Sample } from './measure-round.ts'
import { median, renderTable, summarize } from './summary.ts'

function sample(relay: string, round: number, perCpuSecond: number): Sample {
  const figures = { perSecond: perCpuSecond / 2, perCpuSecond }
  return { rowId: 'event', title: 'EVENT', relay, round, figures, remarks: [] }
}

test('the middle of an even number of values is the mean of two', () => {
  expect(median([5, 1, 9])).toBe(5)
  expect(median([1, 9, 5, 3])).toBe(4)
})

test('a line shows the median over the rounds and how many times faster the first relay is', () => {
  const samples = [100, 900, 300].flatMap((rate, round) => [
    sample('ours', round, rate),
    sample('peer', round, rate / 4),
  ])
  const table = renderTable(summarize(samples, ['ours', 'peer']))
  expect(table).toMatch(/EVENT +ours +150 +300 /)
  expect(table).toMatch(/peer +37\.5 +75\.0 .* 4\.00× {2}4\.00×/)
})

test('sizes compare the other way round: more for the peer is in our favour', () => {
  const bytes = (relay: string, bytesPerEvent: number): Sample => ({
    ...sample(relay, 0, 1),
    figures: { bytesPerEvent },
  })
  expect(renderTable(summarize([bytes('ours', 500), bytes('peer', 1500)], ['ours', 'peer']))).toMatch(
    /peer +1500 bytes +3\.00×/,
  )
})

test('relays that answer the same question with different numbers of events are named', () => {
  const answers = (relay: string, eventsPerRequest: number): Sample => ({
    ...sample(relay, 0, 1),
    figures: { perSecond: 1, eventsPerRequest },
  })
  const table = renderTable(summarize([answers('ours', 50), answers('peer', 40)], ['ours', 'peer']))
  expect(table).toContain('! EVENT: peer sent 40.00 events a REQ, ours 50.00')
})
