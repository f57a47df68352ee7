import { z } from 'zod'

export interface SettingNotes {
  /** What it does, for the reference page and the sample file. */
  readonly says: string
  /** True when a running program takes a new value on SIGHUP; otherwise it needs a restart. */
  readonly reloadable?: boolean
  /** True when the value must never be printed. */
  readonly secret?: boolean
}

/** What each setting and section says about itself, beside its type. */
export const notes = z.registry<SettingNotes>()
