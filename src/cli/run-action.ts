/** Commands that are one request to the running program each: how they look on the command line, and how they run. */
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { AdminAction, AdminArgument, AdminOptions } from './admin-actions/index.ts'
import { memberOf } from './admin-answer.ts'
import { type AdminAnswer, askStoa } from './admin-client.ts'
import { answerLines } from './admin-print.ts'
import { configFor } from './config-for.ts'
import { type CliContext, EXIT, hasFlag, textOption } from './context.ts'

/** Adds the groups of these actions as commands below `command`, with the actions below them. */
export function addActions(
  command: Command,
  actions: readonly AdminAction[],
  context: CliContext,
  finish: (exitCode: number) => void,
): void {
  command.option('--json', 'print the answer for machines')
  const groups = new Map<string, Command>()
  for (const action of actions) {
    if (action.name === '') {
      addAction(command.command(action.group), action, context, finish)
      continue
    }
    const group =
      groups.get(action.group) ??
      command.command(action.group).description(descriptionOf(actions, action.group))
    groups.set(action.group, group)
    addAction(group.command(action.name, { isDefault: action.isDefault }), action, context, finish)
  }
}

function descriptionOf(actions: readonly AdminAction[], group: string): string {
  return actions
    .filter((action) => action.group === group)
    .map(({ name }) => name)
    .join(', ')
}

function addAction(
  command: Command,
  action: AdminAction,
  context: CliContext,
  finish: (exitCode: number) => void,
): void {
  const { says, args, options } = action
  command.description(says).option('--json', 'print the answer for machines')
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
  const options: AdminOptions = {
    nowSeconds: context.clock.nowSeconds(),
    text: (name) => textOption(command, name),
    has: (name) => hasFlag(command, name),
  }
  const request = action.request(command.processedArgs.map(String), options)
  const said = action.before?.(request, options)
  if (said !== undefined) context.stderr.write(`stoa: ${said}\n`)
  const asked = await askStoa(resolve(context.cwd, config.data.dir), request)
  const whenUnanswered = action.whenUnanswered?.(request)
  if (!asked.ok) return complain(`the program gave no answer: ${asked.refusal}`, whenUnanswered, context)
  const { value: answer } = asked
  if (answer.status >= 400) return refuse(answer, whenUnanswered, context)
  const asJson = command.optsWithGlobals().json === true
  show(answer, asJson, context)
  return action.isDone?.(answer.json) === false ? EXIT.failed : EXIT.ok
}

function show({ json }: AdminAnswer, asJson: boolean, { stdout }: CliContext): void {
  const lines = asJson ? [JSON.stringify(json, null, 2)] : answerLines(json)
  stdout.write(`${lines.join('\n')}\n`)
}

/** What was refused because it was wrongly asked is a slip on the command line; the rest could not be done. */
function refuse(
  { status, json }: AdminAnswer,
  whenUnanswered: string | undefined,
  context: CliContext,
): number {
  const message = memberOf(memberOf(json, 'error'), 'message')
  const text = typeof message === 'string' ? message : `refused with status ${status}`
  // A fault says nothing of how far it came, nor does a process that did not hear from the one that does it.
  complain(text, status >= 500 ? whenUnanswered : undefined, context)
  return status === 400 ? EXIT.usage : EXIT.failed
}

function complain(text: string, advice: string | undefined, { stderr }: CliContext): number {
  stderr.write(`stoa: ${text}\n`)
  if (advice !== undefined) stderr.write(`stoa: ${advice}\n`)
  return EXIT.failed
}
