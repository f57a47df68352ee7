/** The settings of a running program: read again on a signal, and changed one by one by operators. */
import {
  type Config,
  describeConfig,
  type FlagOverride,
  type LoadedConfig,
  listSettings,
} from './config/index.ts'
import { AppError, accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import { readFileIfThere, writeFileWhole } from './platform/index.ts'

/** What operators have changed, by key, as text like in the environment. */
type Overrides = Readonly<Record<string, string>>

export interface LiveSettingsDeps {
  /** `settings.json` in the data folder. */
  readonly path: string
  /** Reads the configuration again, with these on top. @throws AppError CONFIG_INVALID */
  readonly load: (overrides: readonly FlagOverride[]) => LoadedConfig
}

/** Gives the parts new settings. @throws AppError CONFIG_INVALID when they cannot be; some parts may have them then. */
export type ApplySettings = (config: Config) => Promise<void>

export class LiveSettings {
  readonly #deps: LiveSettingsDeps
  #overrides: Overrides
  #loaded: LoadedConfig
  #apply: ApplySettings = async () => {}

  private constructor(deps: LiveSettingsDeps, overrides: Overrides) {
    this.#deps = deps
    this.#overrides = overrides
    this.#loaded = deps.load(flagsOf(overrides))
  }

  /** @throws AppError CONFIG_INVALID when what operators had changed does not fit any more. */
  static async open(deps: LiveSettingsDeps): Promise<LiveSettings> {
    return new LiveSettings(deps, await readOverrides(deps.path))
  }

  get current(): Config {
    return this.#loaded.config
  }

  /** The configuration file, if there is one. */
  get file(): string | undefined {
    return this.#loaded.file
  }

  /** From now on, whatever changes is told there. */
  applyBy(apply: ApplySettings): void {
    this.#apply = apply
  }

  list() {
    return describeConfig(this.#loaded.config, this.#loaded.sources)
  }

  /** Reads everything again. @throws AppError CONFIG_INVALID; nothing has changed then. */
  async reload(): Promise<void> {
    const loaded = this.#deps.load(flagsOf(this.#overrides))
    await this.#orAsBefore(() => this.#apply(loaded.config))
    this.#loaded = loaded
  }

  /** Does it; when that fails, every part is given what it had. */
  async #orAsBefore(change: () => Promise<void>): Promise<void> {
    try {
      await change()
    } catch (error) {
      await this.#apply(this.#loaded.config)
      throw error
    }
  }

  /**
   * Gives one setting another value, for good.
   *
   * @param record writes it down; when that fails nothing changes.
   */
  async change(
    { key, value }: { readonly key: string; readonly value: string },
    record: (before: string) => Promise<void>,
  ): Promise<Outcome<undefined, Refusal>> {
    const setting = listSettings().find((each) => each.key === key)
    if (setting === undefined) return invalid(`${key} is not a setting`)
    if (!setting.reloadable) return invalid(`${key} can only be changed by a restart`)
    const overrides = { ...this.#overrides, [key]: value }
    const before = this.list().find((each) => each.key === key)?.value ?? ''
    try {
      const loaded = this.#deps.load(flagsOf(overrides))
      await this.#orAsBefore(async () => {
        await this.#apply(loaded.config)
        await record(before)
        await writeFileWhole(this.#deps.path, JSON.stringify(overrides, undefined, 2))
      })
      this.#loaded = loaded
      this.#overrides = overrides
      return accepted(undefined)
    } catch (error) {
      if (error instanceof AppError && error.code === 'CONFIG_INVALID') return invalid(error.message)
      throw error
    }
  }
}

function flagsOf(overrides: Overrides): readonly FlagOverride[] {
  return Object.entries(overrides).map(([key, text]) => ({
    flag: `${key} (changed by an operator)`,
    key,
    text,
  }))
}

async function readOverrides(path: string): Promise<Overrides> {
  const bytes = await readFileIfThere(path)
  if (bytes === undefined) return {}
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, String(each)]))
    }
  } catch {
    // Said below, with what to do.
  }
  throw new AppError(
    'CONFIG_INVALID',
    `${path} cannot be read. Remove it to start with the settings of the configuration alone.`,
    {
      facts: { path },
    },
  )
}

function invalid(text: string): { readonly ok: false; readonly refusal: Refusal } {
  return refused({ code: 'INVALID', text })
}
