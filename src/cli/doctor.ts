import type { LoadedConfig } from '../config/index.ts'
import { AppError } from '../kernel/index.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag } from './context.ts'
import { type DoctorCheck, doctorChecks } from './doctor-checks.ts'
import type { Finding } from './finding.ts'

export const doctorCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .option('--json', 'print the findings for machines')
      .addHelpText(
        'after',
        `
Looks at everything and changes nothing. A line starts with ok, warn (it works, but read this) or fail.
The program may be running: then it is asked for what it alone can see.
${EXIT_CODES_HELP}

Examples:
  stoa doctor
  stoa doctor --data /var/lib/stoa`,
      )
      .action(async () => {
        const load = (): LoadedConfig => configFor(command, context)
        finish(await runDoctor(doctorChecks(load, context), context, hasFlag(command, 'json')))
      })
  },
}

/** Runs the checks one after the other; a check that throws has failed, and the next one runs all the same. */
export async function runDoctor(
  checks: readonly DoctorCheck[],
  { stdout }: Pick<CliContext, 'stdout'>,
  asJson: boolean,
): Promise<number> {
  const findings: (Finding & { readonly name: string })[] = []
  for (const { name, run } of checks) {
    const finding = await run().catch(failureOf)
    findings.push({ name, ...finding })
    if (!asJson)
      stdout.write(`${finding.status.padEnd(4)}  ${name}: ${finding.message.replaceAll('\n', '\n      ')}\n`)
  }
  if (asJson) stdout.write(`${JSON.stringify(findings, null, 2)}\n`)
  return findings.some(({ status }) => status === 'fail') ? EXIT.refused : EXIT.ok
}

function failureOf(error: unknown): Finding {
  if (error instanceof AppError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    return { status: 'fail', message: `${error.message}${cause}` }
  }
  return { status: 'fail', message: error instanceof Error ? error.message : String(error) }
}
