import fc from 'fast-check'
import type { Filter, NostrEvent, TagCondition } from '../../nostr/index.ts'
import {
  addressNaming,
  authors,
  createdAt,
  dValues,
  kinds,
  picked,
  pickedIds,
  picks,
  searches,
  sometimes,
  topics,
} from './universe.ts'

export type FilterRecipe = (pool: readonly NostrEvent[]) => Filter
type ConditionRecipe = (pool: readonly NostrEvent[]) => TagCondition

const someOf = <T>(values: readonly T[], maxLength = 4) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 0, maxLength, size: 'max' })

const tagCondition: fc.Arbitrary<ConditionRecipe> = fc.oneof(
  fc.tuple(fc.constantFrom('t', 'T'), someOf(topics)).map(([name, values]) => () => ({ name, values })),
  someOf(dValues).map((values) => () => ({ name: 'd', values })),
  someOf(authors).map((values) => () => ({ name: 'p', values })),
  fc.tuple(fc.constantFrom('e', 'E'), picks).map(([name, numbers]): ConditionRecipe => {
    return (pool) => ({ name, values: pickedIds(pool, numbers) })
  }),
  picks.map(
    (numbers): ConditionRecipe =>
      (pool) => {
        return { name: 'a', values: [...new Set(numbers.map((n) => addressNaming(picked(pool, n))))] }
      },
  ),
)

const conditions = fc.uniqueArray(tagCondition, {
  minLength: 1,
  maxLength: 2,
  selector: (recipe) => recipe([]).name,
})

/** Without `limit`. */
const conditionsOnly: fc.Arbitrary<FilterRecipe> = fc
  .record({
    ids: sometimes(picks),
    authors: sometimes(someOf(authors)),
    kinds: sometimes(someOf(kinds, kinds.length)),
    tags: sometimes(conditions),
    since: sometimes(createdAt),
    until: sometimes(createdAt),
    search: sometimes(fc.constantFrom(...searches)),
    spamFrom: fc.option(fc.constantFrom(25, 60), { nil: undefined }),
  })
  .map(({ ids, authors, kinds, tags, since, until, search, spamFrom }) => {
    return (pool) => ({
      ...(ids && { ids: pickedIds(pool, ids) }),
      ...(authors && { authors }),
      ...(kinds && { kinds }),
      ...(tags && { tags: tags.map((condition) => condition(pool)) }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(search !== undefined && { search }),
      ...(search !== undefined && spamFrom !== undefined && { spamFrom }),
    })
  })

const limited: fc.Arbitrary<FilterRecipe> = fc
  .tuple(conditionsOnly, fc.nat({ max: 5 }))
  .map(([conditions, limit]) => {
    return (pool) => ({ ...conditions(pool), limit })
  })

const severalOf = (recipe: fc.Arbitrary<FilterRecipe>) => fc.array(recipe, { minLength: 1, maxLength: 3 })

/** A filter, once the events it may name are known. */
export const filterRecipe: fc.Arbitrary<FilterRecipe> = fc.oneof(
  { weight: 2, arbitrary: conditionsOnly },
  { weight: 1, arbitrary: limited },
)

/** One to three of them. */
export const filterRecipes = severalOf(filterRecipe)

/** The same without `limit`. */
export const unlimitedFilterRecipes = severalOf(conditionsOnly)
