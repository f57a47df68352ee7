/** The door of the command line. */
export type { BatchVerifier, Composition, RunningStoa, StoreReport } from './composition.ts'
export type { CliContext } from './context.ts'
export type { RunningProgram } from './doctor-program.ts'
export { type Finding, fail, ok, warn } from './finding.ts'
export type { Inspections, OfficeFindings } from './inspections.ts'
export { requireNode } from './node-version.ts'
export { runCli } from './run-cli.ts'
export { interruptedBySignals } from './signals.ts'
