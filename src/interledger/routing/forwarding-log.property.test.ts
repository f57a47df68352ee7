import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Announcement } from './export-policy.ts'
import { ForwardingLog } from './forwarding-log.ts'
import { nextPage } from './update-page.ts'

const prefixes = Array.from({ length: 12 }, (_, index) => `g.${index}`)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ prefix: fc.constantFrom(...prefixes), variant: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({ prefix: fc.constantFrom(...prefixes), variant: fc.constant(undefined) }),
  },
  { weight: 1, arbitrary: fc.constant('read' as const) },
)

function announcement(prefix: string, variant: number): Announcement {
  return { prefix, path: ['g.us', `g.v${variant}`], auth: Buffer.alloc(32, variant), via: undefined }
}

test('who reads the log from where it stood last knows what is announced, however often the log begins anew', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_000, size: 'max' }), (steps) => {
      let tables = 0
      const log = new ForwardingLog({ newTableId: () => String(++tables).padStart(32, '0'), maxWithdrawn: 4 })
      const announced = new Map<string, string>()
      const known = { tableId: '', epoch: 0, routes: new Map<string, string>() }
      const read = () => {
        if (known.tableId !== log.tableId)
          Object.assign(known, { tableId: log.tableId, epoch: 0, routes: new Map() })
        const mayKnow = (prefix: string) => known.routes.has(prefix)
        const page = nextPage(log, { fromEpoch: known.epoch, mayHear: () => true, mayKnow })
        for (const prefix of page.withdrawn) known.routes.delete(prefix)
        for (const { prefix, path } of page.newRoutes) known.routes.set(prefix, path.join())
        known.epoch = page.toEpoch
        expect(known.routes).toEqual(announced)
        expect(log.size).toBe(announced.size)
      }
      for (const next of steps) {
        if (next === 'read') read()
        else if (next.variant === undefined) {
          log.record(next.prefix, undefined)
          announced.delete(next.prefix)
        } else {
          const told = announcement(next.prefix, next.variant)
          log.record(next.prefix, told)
          announced.set(next.prefix, told.path.join())
        }
        if ([...log.entriesFrom(0)].length > announced.size + 4) throw new Error('the log keeps too much')
      }
      read()
    }),
  )
})
