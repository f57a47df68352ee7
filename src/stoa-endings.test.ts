import { expect, test } from 'vitest'
import { Endings } from './stoa-endings.ts'

test('what was added while it ended is ended too', async () => {
  const endings = new Endings()
  const ended: string[] = []
  endings.add(() => void ended.push('first'))
  endings.add(() => {
    ended.push('opening')
    endings.add(() => void ended.push('opened meanwhile'))
  })
  await endings.run()
  expect(ended).toEqual(['opening', 'opened meanwhile', 'first'])
})
