/** Every page that is written by the code it describes. `npm run generate` writes them, a check finds stale ones. */
import { readFileSync } from 'node:fs'
import { configReference } from '../src/config/index.ts'
import { CONFIG_REFERENCE_PATH } from './generate-config-reference.ts'
import { ERRORS_REFERENCE_PATH, renderErrorsReference } from './generate-errors-reference.ts'
import { ARCHITECTURE_PATH, renderArchitecture } from './generate-import-table.ts'
import { METRICS_REFERENCE_PATH, renderMetricsReference } from './generate-metrics-reference.ts'

export interface GeneratedPage {
  /** Absolute. */
  readonly path: string
  readonly render: () => string
}

export const GENERATED_PAGES: readonly GeneratedPage[] = [
  { path: CONFIG_REFERENCE_PATH, render: configReference },
  { path: ERRORS_REFERENCE_PATH, render: renderErrorsReference },
  { path: ARCHITECTURE_PATH, render: renderArchitecture },
  { path: METRICS_REFERENCE_PATH, render: renderMetricsReference },
]

export function isFresh({ path, render }: GeneratedPage): boolean {
  try {
    return readFileSync(path, 'utf8') === render()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
