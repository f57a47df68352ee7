/** The schema as a flat list of settings: what loading, printing and documenting walk over. */
import { z } from 'zod'
import { notes } from './notes.ts'
import { configSchema } from './schema.ts'

export interface Setting {
  /** Path in the file, for example `relay.limits.maxLimit`. */
  readonly key: string
  /** Name in the environment, for example `STOA_RELAY__LIMITS__MAX_LIMIT`. */
  readonly env: string
  /** For people: `integer, 0 … 65535`. */
  readonly type: string
  readonly default: unknown
  readonly says: string
  readonly reloadable: boolean
  readonly secret: boolean
  readonly schema: z.ZodType
}

export interface Section {
  readonly key: string
  readonly says: string
  readonly settings: readonly Setting[]
}

/** Sections in the order of the schema, an inner one after its parent; each with its own settings only. */
export function listSections(root: z.ZodType = configSchema): readonly Section[] {
  return sectionsOf('', root)
}

export function listSettings(root: z.ZodType = configSchema): readonly Setting[] {
  return listSections(root).flatMap((section) => section.settings)
}

/** The schema inside defaults and read-only wrappers. */
export function innermost(schema: unknown): unknown {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodReadonly) return innermost(schema.unwrap())
  return schema
}

export function envName(key: string): string {
  const words = key.split('.').map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase())
  return `STOA_${words.join('__')}`
}

function sectionsOf(key: string, schema: z.ZodType): readonly Section[] {
  const object = innermost(schema)
  if (!(object instanceof z.ZodObject)) throw new TypeError(`Section ${key} is not an object.`)
  const settings: Setting[] = []
  const inner: Section[] = []
  for (const [name, child] of Object.entries(object.shape)) {
    if (!(child instanceof z.ZodType)) throw new TypeError(`Setting ${name} is not a zod schema.`)
    const childKey = key === '' ? name : `${key}.${name}`
    if (innermost(child) instanceof z.ZodObject) inner.push(...sectionsOf(childKey, child))
    else settings.push(settingOf(childKey, child))
  }
  const own = settings.length > 0 ? [{ key, says: notes.get(schema)?.says ?? '', settings }] : []
  return [...own, ...inner]
}

function settingOf(key: string, schema: z.ZodType): Setting {
  const note = notes.get(schema)
  if (note === undefined) throw new TypeError(`Setting ${key} does not say what it does.`)
  return {
    key,
    env: envName(key),
    type: typeName(schema),
    default: schema.parse(undefined),
    says: note.says,
    reloadable: note.reloadable ?? false,
    secret: note.secret ?? false,
    schema,
  }
}

function typeName(wrapped: unknown): string {
  const schema = innermost(wrapped)
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodNumber) return `integer, ${numberRange(schema)}`
  if (schema instanceof z.ZodEnum) return schema.options.map((option) => JSON.stringify(option)).join(' or ')
  if (schema instanceof z.ZodLiteral)
    return [...schema.values].map((value) => JSON.stringify(value)).join(' or ')
  if (schema instanceof z.ZodArray) return `list of ${typeName(schema.element)}`
  if (schema instanceof z.ZodObject) return `tables with ${Object.keys(schema.shape).join(', ')}`
  if (schema instanceof z.ZodUnion) return [...new Set(schema.options.map(typeName))].join(' or ')
  return 'text'
}

function numberRange(schema: z.ZodNumber): string {
  const { minValue, maxValue } = schema
  const isBounded = maxValue !== null && maxValue < Number.MAX_SAFE_INTEGER
  return isBounded ? `${minValue} … ${maxValue}` : `${minValue} or more`
}
