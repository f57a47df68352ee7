import type { ConfigSources } from './load-config.ts'
import { configSchema } from './schema.ts'
import { listSettings } from './settings.ts'

export interface DescribedSetting {
  readonly key: string
  /** The value as it is written in the file; for a secret only whether one is set. */
  readonly value: string
  /** Where it was written; `default` when nowhere. */
  readonly source: string
}

/** Every setting with its value and where that came from. Secrets are never part of the answer. */
export function describeConfig(
  config: object,
  sources: ConfigSources,
  settings = listSettings(configSchema),
): readonly DescribedSetting[] {
  return settings.map((setting) => {
    const value = settingValue(config, setting.key)
    return {
      key: setting.key,
      value: setting.secret ? hidden(value) : JSON.stringify(value),
      source: sources.get(setting.key) ?? 'default',
    }
  })
}

/** The value at a dotted path of a configuration. */
export function settingValue(config: object, key: string): unknown {
  let value: unknown = config
  for (const name of key.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, name)
  }
  return value
}

function hidden(value: unknown): string {
  return value === undefined || value === '' ? '(not set)' : '(hidden)'
}
