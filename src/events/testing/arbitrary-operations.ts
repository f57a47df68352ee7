import fc from 'fast-check'
import type { NostrEvent } from '../../nostr/index.ts'
import { someAudience } from './arbitrary-audiences.ts'
import { arbitraryPool } from './arbitrary-events.ts'
import { filterRecipe, filterRecipes, unlimitedFilterRecipes } from './arbitrary-filters.ts'
import { describeOperations, type StoreOperation } from './store-operation.ts'
import { pick, picked, pickedEvents, pickedIds, picks } from './universe.ts'

/**
 * Streams of operations from a universe so small that events meet: they replace, delete, repeat and outlive
 * one another in every order. A pool of events is made first; the operations then pick from it by number, so
 * an event may be put twice, deleted before it comes, or never come at all.
 */
export interface Scenario {
  readonly pool: readonly NostrEvent[]
  readonly operations: readonly StoreOperation[]
}

export function arbitraryScenario(): fc.Arbitrary<Scenario> {
  return fc
    .record({
      pool: arbitraryPool(),
      steps: fc.array(stepRecipe, { minLength: 1, maxLength: 30, size: 'max' }),
    })
    .map(({ pool, steps }) => {
      const operations = steps.map((step) => step(pool))
      return { pool, operations, [fc.toStringMethod]: () => `\n${describeOperations(operations, pool)}\n` }
    })
}

type StepRecipe = (pool: readonly NostrEvent[]) => StoreOperation

const pageSizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 })
const batch = fc.array(pick, { maxLength: 6, size: 'max' })

const putStep: fc.Arbitrary<StepRecipe> = batch.map((numbers) => {
  return (pool) => ({ do: 'put', events: pickedEvents(pool, numbers) })
})

const queryStep: fc.Arbitrary<StepRecipe> = fc
  .tuple(filterRecipes, pageSizes, someAudience)
  .map(([filters, pageSizes, reader]) => {
    return (pool) => ({ do: 'query', filters: filters.map((filter) => filter(pool)), pageSizes, ...reader })
  })

const queryDuringPutStep: fc.Arbitrary<StepRecipe> = fc
  .tuple(unlimitedFilterRecipes, pageSizes, batch, someAudience)
  .map(([filters, pageSizes, numbers, reader]) => {
    return (pool) => ({
      do: 'query-during-put',
      filters: filters.map((filter) => filter(pool)),
      pageSizes,
      events: pickedEvents(pool, numbers),
      ...reader,
    })
  })

const countStep: fc.Arbitrary<StepRecipe> = fc.tuple(filterRecipes, someAudience).map(([filters, reader]) => {
  return (pool) => ({ do: 'count', filters: filters.map((filter) => filter(pool)), ...reader })
})

const sketchStep: fc.Arbitrary<StepRecipe> = fc
  .tuple(filterRecipe, fc.integer({ min: 8, max: 23 }), someAudience)
  .map(([filter, offset, reader]) => {
    return (pool) => ({ do: 'sketch', filter: filter(pool), offset, ...reader })
  })

const idSetStep: fc.Arbitrary<StepRecipe> = fc
  .tuple(filterRecipe, fc.constantFrom(0, 1, 3, 5, 100), someAudience)
  .map(([filter, maxIds, reader]) => {
    return (pool) => ({ do: 'id-set', filter: filter(pool), maxIds, ...reader })
  })

const hasStep: fc.Arbitrary<StepRecipe> = pick.map((n) => {
  return (pool) => ({ do: 'has', id: picked(pool, n)?.id ?? '' })
})

const removeStep: fc.Arbitrary<StepRecipe> = picks.map((numbers) => {
  return (pool) => ({ do: 'remove', ids: pickedIds(pool, numbers) })
})

const advanceStep: fc.Arbitrary<StepRecipe> = fc.integer({ min: 1, max: 3 }).map((seconds) => {
  return () => ({ do: 'advance', seconds })
})

const stepRecipe: fc.Arbitrary<StepRecipe> = fc.oneof(
  { weight: 10, arbitrary: putStep },
  { weight: 6, arbitrary: queryStep },
  { weight: 2, arbitrary: queryDuringPutStep },
  { weight: 3, arbitrary: countStep },
  { weight: 1, arbitrary: sketchStep },
  { weight: 2, arbitrary: idSetStep },
  { weight: 1, arbitrary: hasStep },
  { weight: 1, arbitrary: removeStep },
  { weight: 1, arbitrary: fc.constant<StepRecipe>(() => ({ do: 'sweep' })) },
  { weight: 2, arbitrary: advanceStep },
  { weight: 1, arbitrary: fc.constant<StepRecipe>(() => ({ do: 'reopen' })) },
)
