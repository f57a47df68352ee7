import type { Command } from 'commander'
import { type FlagOverride, type LoadedConfig, loadConfig } from '../config/index.ts'
import type { CliContext } from './context.ts'

/** Flags that stand for a setting, by the name commander knows them by. */
const SETTING_OF_OPTION: Readonly<Record<string, { readonly flag: string; readonly key: string }>> = {
  data: { flag: '--data', key: 'data.dir' },
  host: { flag: '--host', key: 'relay.host' },
  port: { flag: '--port', key: 'relay.port' },
  threads: { flag: '--threads', key: 'relay.threads' },
  roles: { flag: '--roles', key: 'process.roles' },
}

/**
 * Loads the configuration as the environment and the flags of a command ask for it.
 *
 * @param overrides what stands above all of that: what operators have changed in a running program.
 */
export function configFor(
  command: Command,
  { env, cwd }: Pick<CliContext, 'env' | 'cwd'>,
  overrides: readonly FlagOverride[] = [],
): LoadedConfig {
  const options: Record<string, unknown> = command.optsWithGlobals()
  const flags: FlagOverride[] = []
  for (const [option, { flag, key }] of Object.entries(SETTING_OF_OPTION)) {
    const text = options[option]
    if (typeof text === 'string') flags.push({ flag, key, text })
  }
  const file = options.config
  return loadConfig({
    flags: [...flags, ...overrides],
    env,
    cwd,
    ...(typeof file === 'string' ? { file } : {}),
  })
}
