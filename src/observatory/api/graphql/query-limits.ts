/**
 * How much one query may ask for: how deep, at what cost, under how many names. Held before anything is looked up. What
 * the schema says of itself is not limited by these; how deep one may ask for that, GraphQL's own rules say.
 */
import {
  type ASTVisitor,
  type FragmentDefinitionNode,
  GraphQLError,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValueNode,
} from 'graphql'
import { DEFAULT_LIST, MAX_LIST, MAX_TOP } from './schema-text.ts'

export const MAX_DEPTH = 8
/** A member is 1; of a list so many times as it may have entries. A thousand relays with ten members fit. */
export const MAX_COST = 20_000
/** Members that ask the same under another name. */
export const MAX_ALIASES = 20
/** Fragments within fragments, and members in all, that are counted before it is too much anyway. */
const MAX_VISITED = 20_000

/** Entries that a list has at most, or usually; of those with a `limit`, what that says. */
const LENGTHS: Readonly<Record<string, number>> = {
  kinds: 20,
  offences: 16,
  by_kind: 100,
  by_day: 400,
  activity_timeline: 400,
  activity: 400,
  timeline: 400,
  history: 100,
  logs: 100,
  monitors: 10,
  regions: 5,
  retention: 60,
  languages: 25,
}
const LISTS_WITH_LIMIT: Readonly<Record<string, { readonly default: number; readonly max: number }>> = {
  relays: { default: DEFAULT_LIST, max: MAX_LIST },
  clients: { default: DEFAULT_LIST, max: MAX_LIST },
  top_relays: { default: 10, max: MAX_TOP },
}
/** What reads the database costs more than its members. */
const EXTRA: Readonly<Record<string, number>> = { relay: 1_000 }

export interface QueryWeight {
  readonly depth: number
  readonly cost: number
  readonly aliases: number
}

interface Walk {
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  /** Of fragments that were walked before, so that one that is spread a million times is walked once. */
  readonly known: Map<string, QueryWeight>
  /** Fragments that are being walked: one within itself is refused by another rule, and must not hang this one. */
  readonly open: Set<string>
  visited: number
}

/** Weighs an operation; infinite when it has more members than are counted. */
export function weighOperation(
  operation: OperationDefinitionNode,
  fragments: readonly FragmentDefinitionNode[],
): QueryWeight {
  const walk: Walk = {
    fragments: new Map(fragments.map((fragment) => [fragment.name.value, fragment])),
    known: new Map(),
    open: new Set(),
    visited: 0,
  }
  return weigh(operation.selectionSet, walk)
}

const NOTHING: QueryWeight = { depth: 0, cost: 0, aliases: 0 }
const TOO_MUCH: QueryWeight = { depth: 0, cost: Infinity, aliases: 0 }

function weigh({ selections }: SelectionSetNode, walk: Walk): QueryWeight {
  let [depth, cost, aliases] = [0, 0, 0]
  for (const selection of selections) {
    walk.visited++
    if (walk.visited > MAX_VISITED) return TOO_MUCH
    let weight: QueryWeight
    if (selection.kind === 'Field') weight = weighField(selection, walk)
    else if (selection.kind === 'InlineFragment') weight = weigh(selection.selectionSet, walk)
    else weight = weighSpread(selection.name.value, walk)
    depth = Math.max(depth, weight.depth)
    cost += weight.cost
    aliases += weight.aliases
  }
  return { depth, cost, aliases }
}

type FieldNode = Extract<SelectionSetNode['selections'][number], { readonly kind: 'Field' }>

function weighField(field: FieldNode, walk: Walk): QueryWeight {
  const name = field.name.value
  const aliases = field.alias === undefined ? 0 : 1
  // `__schema` and `__type`; GraphQL's own MaxIntrospectionDepthRule looks after them. `__typename` costs nothing.
  if (name.startsWith('__')) return { ...NOTHING, aliases }
  if (field.selectionSet === undefined) return { depth: 1, cost: 1, aliases }
  const inner = weigh(field.selectionSet, walk)
  return {
    depth: inner.depth + 1,
    cost: 1 + (EXTRA[name] ?? 0) + inner.cost * lengthOf(field),
    aliases: inner.aliases + aliases,
  }
}

function weighSpread(name: string, walk: Walk): QueryWeight {
  const known = walk.known.get(name)
  if (known !== undefined) return known
  const fragment = walk.fragments.get(name)
  if (fragment === undefined || walk.open.has(name)) return NOTHING
  walk.open.add(name)
  const weight = weigh(fragment.selectionSet, walk)
  walk.open.delete(name)
  walk.known.set(name, weight)
  return weight
}

function lengthOf(field: FieldNode): number {
  const name = field.name.value
  const list = LISTS_WITH_LIMIT[name]
  if (list === undefined) return LENGTHS[name] ?? 1
  const limit = field.arguments?.find((argument) => argument.name.value === 'limit')?.value
  return limit === undefined ? list.default : limitOf(limit, list.max)
}

/** Of a variable nobody knows here what it will be. */
function limitOf(value: ValueNode, max: number): number {
  const given = value.kind === 'IntValue' ? Number(value.value) : max
  return Math.min(max, Math.max(1, given))
}

/** The rule for `validate`. */
export function queryLimits(context: ValidationContext): ASTVisitor {
  const fragments = context
    .getDocument()
    .definitions.filter((definition) => definition.kind === 'FragmentDefinition')
  return {
    OperationDefinition: (operation) => {
      const { depth, cost, aliases } = weighOperation(operation, fragments)
      const isQuery = operation.operation === 'query'
      const refuse = (code: string, message: string) =>
        context.reportError(new GraphQLError(message, { nodes: operation, extensions: { code } }))
      if (!isQuery) refuse('READ_ONLY', `${operation.operation}: there are queries only`)
      if (depth > MAX_DEPTH) refuse('QUERY_TOO_DEEP', `the query is ${depth} deep; ${MAX_DEPTH} is the most`)
      if (cost > MAX_COST) {
        refuse(
          'QUERY_TOO_COSTLY',
          `the query costs ${cost}; ${MAX_COST} is the most. Ask for fewer entries (limit)`,
        )
      }
      if (aliases > MAX_ALIASES) {
        refuse('TOO_MANY_ALIASES', `the query has ${aliases} aliases; ${MAX_ALIASES} are the most`)
      }
      return false
    },
  }
}
