/** The command line's entry: looks at the world once and hands it to `runCli`. */
import packageJson from '../package.json' with { type: 'json' }
import { type Composition, interruptedBySignals, requireNode, runCli } from './cli/index.ts'
import { systemClock } from './kernel/index.ts'

requireNode()
process.exitCode = await runCli(process.argv.slice(2), packageJson.version, {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  compose: (): Promise<Composition> => import('./stoa.ts'),
  interrupted: interruptedBySignals(),
})
