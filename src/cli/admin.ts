import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ADMIN_ACTIONS, type AdminAction, type AdminArgument } from './admin-actions/index.ts'
import { type AdminAnswer, askStoa } from './admin-client.ts'
import { answerLines } from './admin-print.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag, textOption } from './context.ts'

export const adminCommand: CliCommand = {
  configure(command, context, finish) {
    command.option('--json', 'print the answer for machines').addHelpText(
      'after',
      `
Speaks to the Stoa that runs on the data folder, as its owner; what is changed goes into its audit log.
Keys may be hex, npub1… or nprofile1…, events hex, note1… or nevent1….
${EXIT_CODES_HELP}

Examples:
  stoa admin status
  stoa admin staff grant owner npub1…
  stoa admin key ban npub1… --reason spam
  stoa admin kick ip 192.0.2.1
  stoa admin level set npub1… trusted --days 30
  stoa admin invite create --uses 5 --days 7
  stoa admin limit set relay.limits.maxLimit 1000`,
    )
    const groups = new Map<string, Command>()
    for (const action of ADMIN_ACTIONS) {
      const group =
        groups.get(action.group) ?? command.command(action.group).description(descriptionOf(action.group))
      groups.set(action.group, group)
      addAction(group, action, context, finish)
    }
  },
}

function descriptionOf(group: string): string {
  return ADMIN_ACTIONS.filter((action) => action.group === group)
    .map(({ name }) => name)
    .join(', ')
}

function addAction(
  group: Command,
  action: AdminAction,
  context: CliContext,
  finish: (exitCode: number) => void,
): void {
  const { name, says, args, options, isDefault } = action
  const command = group
    .command(name, { isDefault })
    .description(says)
    .option('--json', 'print the answer for machines')
  for (const argument of args) command.argument(`<${argument.name}>`, '', readerOf(argument))
  for (const { flags, says: meaning, read } of options) {
    const option = new Option(flags, meaning)
    command.addOption(read === undefined ? option : option.argParser(readerOf({ read })))
  }
  command.action(async () => finish(await runAction(action, command, context)))
}

function readerOf({ read }: Pick<AdminArgument, 'read'>): (text: string) => string {
  return (text) => {
    const value = read(text)
    if (!value.ok) throw new InvalidArgumentError(`${value.refusal}.`)
    return value.value
  }
}

async function runAction(action: AdminAction, command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const request = action.request(command.processedArgs.map(String), {
    nowSeconds: context.clock.nowSeconds(),
    text: (name) => textOption(command, name),
    has: (name) => hasFlag(command, name),
  })
  const answer = await askStoa(resolve(context.cwd, config.data.dir), request)
  const asJson = command.optsWithGlobals().json === true
  return answer.status < 400 ? show(answer, asJson, context) : refuse(answer, context)
}

function show({ json }: AdminAnswer, asJson: boolean, { stdout }: CliContext): number {
  const lines = asJson ? [JSON.stringify(json, null, 2)] : answerLines(json)
  stdout.write(`${lines.join('\n')}\n`)
  return EXIT.ok
}

/** What was refused because it was wrongly asked is a slip on the command line; the rest could not be done. */
function refuse({ status, json }: AdminAnswer, { stderr }: CliContext): number {
  stderr.write(`stoa: ${messageOf(json) ?? `refused with status ${status}`}\n`)
  return status === 400 ? EXIT.usage : EXIT.failed
}

function messageOf(json: unknown): string | undefined {
  const error: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'error') : undefined
  const message: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'message') : undefined
  return typeof message === 'string' ? message : undefined
}
