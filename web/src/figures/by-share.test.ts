import { expect, test } from 'vitest'
import { bySize } from './by-share.ts'
import { kindName } from './kind-names.ts'

test('the largest comes first, and equal ones keep their places', () => {
  expect(bySize({ 7: 5, 30023: 1, 1: 9, 6: 5 }).map(({ key }) => key)).toEqual(['1', '6', '7', '30023'])
})

test('a kind has the name of its NIP, or its number', () => {
  expect([1, 9735, 30023, 5300, 5050, 6050, 7777].map(kindName)).toEqual([
    'Short note',
    'Zap',
    'Long-form article',
    'Job: discovery',
    'Job request 5050',
    'Job result 6050',
    'Kind 7777',
  ])
})
