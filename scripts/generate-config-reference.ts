/** Writes docs/reference/configuration.md from the schema of the settings. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { configReference } from '../src/config/index.ts'

export const CONFIG_REFERENCE_PATH = resolve(import.meta.dirname, '../docs/reference/configuration.md')

if (import.meta.main) {
  mkdirSync(dirname(CONFIG_REFERENCE_PATH), { recursive: true })
  writeFileSync(CONFIG_REFERENCE_PATH, configReference())
}
