import type { Command } from 'commander'
import type { Clock } from '../kernel/index.ts'
import type { Composition } from './composition.ts'

/** The world as a command sees it. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: TextOutput
  readonly stderr: TextOutput
  readonly clock: Clock
  /** Loads the composition root. */
  readonly compose: () => Promise<Composition>
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal
}

export interface TextOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean
}

/** What a command tells the shell that started it. */
export const EXIT = {
  /** Everything was done. */
  ok: 0,
  /** It could not be done; the message says why. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was tried. */
  usage: 2,
  /** The data folder is in use, damaged, or a check failed. */
  refused: 3,
} as const

export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  failed; the message on standard error says why
  2  wrong command line or configuration; nothing was tried
  3  refused: the data folder is in use or damaged, or a check failed`

/** A command: how it looks from outside, and how it runs. Each lives in a file that is loaded when it is called. */
export interface CliCommand {
  /** Adds options, arguments, help and the action to the bare command. */
  configure(command: Command, context: CliContext, finish: (exitCode: number) => void): void
}

/** The text of an option that takes a value; undefined when it was not given. */
export function textOption(command: Command, name: string): string | undefined {
  const value: unknown = command.opts()[name]
  return typeof value === 'string' ? value : undefined
}

export function hasFlag(command: Command, name: string): boolean {
  return command.opts()[name] === true
}
