/** The door of the configuration: load it, describe it, print what there is. */
export { type DescribedSetting, describeConfig, settingValue } from './describe-config.ts'
export type { FlagOverride } from './layers.ts'
export {
  type ConfigSources,
  defaultConfig,
  type LoadConfigInput,
  type LoadedConfig,
  loadConfig,
} from './load-config.ts'
export { nearestName } from './nearest.ts'
export { configReference, sampleToml } from './render.ts'
export type { Config } from './schema.ts'
export { listSettings, type Setting } from './settings.ts'
