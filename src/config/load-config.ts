import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { AppError } from '../kernel/index.ts'
import { findContradictions } from './contradictions.ts'
import {
  type Assignment,
  createCatalog,
  type FlagOverride,
  layerFromEnv,
  layerFromFlags,
  layerFromToml,
  type Problem,
} from './layers.ts'
import { nearestName } from './nearest.ts'
import { type Config, configSchema } from './schema.ts'
import { listSections, type Setting } from './settings.ts'

export interface LoadConfigInput {
  /** Flags of the command line, in the order they were given. */
  readonly flags?: readonly FlagOverride[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder in which `stoa.toml` is looked for, and where relative paths start. */
  readonly cwd: string
  /** A configuration file named by the user; it must exist. Without it `stoa.toml` is read when it is there. */
  readonly file?: string | undefined
}

/** For each setting that is not at its default: where its value was written. */
export type ConfigSources = ReadonlyMap<string, string>

export interface LoadedConfig {
  readonly config: Config
  readonly sources: ConfigSources
  /** The file that was read, if there was one. */
  readonly file: string | undefined
}

/**
 * Puts the configuration together: defaults < `stoa.toml` < `STOA_…` variables < flags. The result is frozen.
 *
 * @throws AppError CONFIG_INVALID listing everything that is wrong, each with the place where it is written; also
 *   when the file cannot be read.
 */
export function loadConfig({ flags = [], env, cwd, file }: LoadConfigInput): LoadedConfig {
  const catalog = createCatalog(listSections(), explainUnknown)
  const found = findFile(cwd, file)
  const layers = [
    ...(found === undefined ? [] : [layerFromToml(readConfigFile(found), found, catalog)]),
    layerFromEnv(env, catalog),
    layerFromFlags(flags, catalog),
  ]
  const assignments = layers.flatMap((layer) => layer.assignments)
  const problems = [...layers.flatMap((layer) => layer.problems), ...assignments.flatMap(problemsOf)]
  refuse(problems)

  const settled = new Map(assignments.map((assignment) => [assignment.setting.key, assignment]))
  const config = configSchema.parse(assemble([...catalog.settings.values()], settled))
  const sources = new Map([...settled].map(([key, { source }]) => [key, source]))
  const contradictions = findContradictions(config)
  refuse(
    contradictions.map(({ key, message }) => ({ source: sources.get(key) ?? `${key} (default)`, message })),
  )
  return { config, sources, file: found }
}

/** Every setting at its default. */
export function defaultConfig(): Config {
  return loadConfig({ env: {}, cwd: '/nowhere/without/a/file' }).config
}

function findFile(cwd: string, named: string | undefined): string | undefined {
  if (named !== undefined) return resolve(cwd, named)
  const usual = resolve(cwd, 'stoa.toml')
  return existsSync(usual) ? usual : undefined
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `The configuration file ${file} cannot be read.`, {
      cause,
      facts: { file },
    })
  }
}

function explainUnknown(written: string, known: readonly string[]): string {
  const nearest = nearestName(written, known)
  return nearest === undefined ? 'is not a setting' : `is not a setting; did you mean ${nearest}?`
}

/** What the schema has against one value. The value itself is shown unless it is a secret. */
function problemsOf({ setting, value, source }: Assignment): readonly Problem[] {
  const parsed = setting.schema.safeParse(value)
  if (parsed.success) return []
  const shown = setting.secret ? '' : ` (got ${JSON.stringify(value)})`
  return parsed.error.issues.map(({ path, message }) => {
    const place = path.length > 0 ? `item ${path.join('.')}: ` : ''
    return { source, message: `${place}${message}; expected ${setting.type}${shown}` }
  })
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const lines = problems.map(({ source, message }) => `  ${source}: ${message}`)
  const title =
    problems.length === 1
      ? 'The configuration has a mistake:'
      : `The configuration has ${problems.length} mistakes:`
  throw new AppError('CONFIG_INVALID', [title, ...lines].join('\n'), { facts: { problems: problems.length } })
}

/** Builds the nested object that the schema reads from what was assigned and the defaults of the rest. */
function assemble(settings: readonly Setting[], settled: ReadonlyMap<string, Assignment>): unknown {
  const root: Tree = new Map()
  for (const setting of settings) {
    const value = settled.get(setting.key)?.value ?? setting.default
    plant(root, setting.key.split('.'), value)
  }
  return toObject(root)
}

type Tree = Map<string, unknown>

function plant(tree: Tree, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    tree.set(name, value)
    return
  }
  const held = tree.get(name)
  const branch: Tree = held instanceof Map ? held : new Map<string, unknown>()
  tree.set(name, branch)
  plant(branch, rest, value)
}

function toObject(tree: Tree): Record<string, unknown> {
  const entries = [...tree].map(([name, value]) => [name, value instanceof Map ? toObject(value) : value])
  return Object.fromEntries(entries)
}
