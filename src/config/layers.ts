/**
 * The three places a value can come from besides its default. Each turns into the same thing: a list of
 * assignments that remember where they were written, so that every complaint can say so.
 */
import { parse as parseToml, TomlError } from 'smol-toml'
import { z } from 'zod'
import { innermost, type Section, type Setting } from './settings.ts'

export interface Assignment {
  readonly setting: Setting
  readonly value: unknown
  /** Fit for people: `/etc/stoa.toml: relay.port`, `STOA_RELAY__PORT`, `--port`. */
  readonly source: string
}

/** Something wrong with the configuration: where it stands and what is the matter. */
export interface Problem {
  readonly source: string
  readonly message: string
}

export interface Layer {
  readonly assignments: readonly Assignment[]
  readonly problems: readonly Problem[]
}

/** What the layers need to know of the schema. */
export interface Catalog {
  readonly settings: ReadonlyMap<string, Setting>
  readonly sectionKeys: ReadonlySet<string>
  /** Explains a name that is not there, with the nearest that is. */
  readonly explainUnknown: (written: string, known: readonly string[]) => string
}

export function createCatalog(
  sections: readonly Section[],
  explainUnknown: Catalog['explainUnknown'],
): Catalog {
  const settings = new Map<string, Setting>()
  const sectionKeys = new Set<string>()
  for (const section of sections) {
    // A section may hold nothing but sections, and then it is not in the list itself.
    const parts = section.key.split('.')
    for (let depth = 1; depth <= parts.length; depth++) sectionKeys.add(parts.slice(0, depth).join('.'))
    for (const setting of section.settings) settings.set(setting.key, setting)
  }
  return { settings, sectionKeys, explainUnknown }
}

/** Reads the text of a `stoa.toml`. */
export function layerFromToml(text: string, file: string, catalog: Catalog): Layer {
  let tree: Record<string, unknown>
  try {
    tree = parseToml(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [reason] = error.message.split('\n')
    return {
      assignments: [],
      problems: [{ source: `${file}:${error.line}:${error.column}`, message: `${reason}` }],
    }
  }
  const assignments: Assignment[] = []
  const problems: Problem[] = []
  const walk = (table: Record<string, unknown>, path: string): void => {
    for (const [name, value] of Object.entries(table)) {
      const key = path === '' ? name : `${path}.${name}`
      const source = `${file}: ${key}`
      const setting = catalog.settings.get(key)
      if (setting !== undefined) assignments.push({ setting, value, source })
      else if (catalog.sectionKeys.has(key) && isTable(value)) walk(value, key)
      else if (catalog.sectionKeys.has(key))
        problems.push({ source, message: `is a section: write [${key}]` })
      else problems.push({ source, message: catalog.explainUnknown(key, knownAt(catalog, isTable(value))) })
    }
  }
  walk(tree, '')
  return { assignments, problems }
}

/** Reads the variables whose names start with `STOA_`. */
export function layerFromEnv(env: Readonly<Record<string, string | undefined>>, catalog: Catalog): Layer {
  const byEnvName = new Map([...catalog.settings.values()].map((setting) => [setting.env, setting]))
  const assignments: Assignment[] = []
  const problems: Problem[] = []
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith('STOA_') || isServiceLink(name, text)) continue
    const setting = byEnvName.get(name)
    if (setting !== undefined)
      assignments.push({ setting, value: fromText(setting.schema, text), source: name })
    else problems.push({ source: name, message: catalog.explainUnknown(name, [...byEnvName.keys()]) })
  }
  return { assignments, problems }
}

/** A flag of the command line that stands for a setting. */
export interface FlagOverride {
  /** As the user wrote it: `--port`. */
  readonly flag: string
  /** The setting it stands for: `relay.port`. */
  readonly key: string
  readonly text: string
}

export function layerFromFlags(overrides: readonly FlagOverride[], catalog: Catalog): Layer {
  const assignments: Assignment[] = []
  const problems: Problem[] = []
  for (const { flag, key, text } of overrides) {
    const setting = catalog.settings.get(key)
    if (setting !== undefined)
      assignments.push({ setting, value: fromText(setting.schema, text), source: flag })
    else problems.push({ source: flag, message: catalog.explainUnknown(key, [...catalog.settings.keys()]) })
  }
  return { assignments, problems }
}

/**
 * Reads a text as the type that the schema asks for. A text that does not fit stays a text, and the schema then
 * says what is wrong with it.
 */
export function fromText(schema: z.ZodType, text: string): unknown {
  return textAs(innermost(schema), text)
}

function textAs(schema: unknown, text: string): unknown {
  if (schema instanceof z.ZodNumber) return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
  if (schema instanceof z.ZodBoolean) return text === 'true' ? true : text === 'false' ? false : text
  if (schema instanceof z.ZodArray) return listFromText(schema, text)
  if (schema instanceof z.ZodUnion) {
    const readings = schema.options.map((option) => textAs(innermost(option), text))
    return readings.find((reading) => schema.safeParse(reading).success) ?? text
  }
  return text
}

/** `a, b` and `["a", "b"]` are the same list; an empty text is the empty list. */
function listFromText(schema: z.ZodArray, text: string): unknown {
  if (text.trimStart().startsWith('[')) {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }
  const items = text.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '').map((item) => textAs(innermost(schema.element), item))
}

/**
 * Kubernetes and Docker links put variables like STOA_PORT_7777_TCP beside a service called "stoa". They are
 * facts about the network and no settings of ours.
 */
function isServiceLink(name: string, text: string): boolean {
  if (/_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$/.test(name)) return true
  return (
    /_PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?$/.test(name) &&
    (/_\d+_/.test(name) || /^(tcp|udp):/.test(text))
  )
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** A table was probably meant as a section, anything else as a setting. */
function knownAt(catalog: Catalog, isSection: boolean): readonly string[] {
  return isSection ? [...catalog.sectionKeys] : [...catalog.settings.keys()]
}
