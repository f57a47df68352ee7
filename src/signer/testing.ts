import { type ChildProcess, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { AppError } from '../kernel/index.ts'
import type { KeyringOptions } from './index.ts'

/** A folder for keys that is not there yet, in one that is; whoever asks for it removes `parent`. */
export function temporaryKeyFolder(): { readonly parent: string; readonly folder: string } {
  const parent = mkdtempSync(join(tmpdir(), 'stoa-signer-'))
  return { parent, folder: join(parent, 'keys') }
}

/** The fault of something that must fail. */
export async function faultOf(act: () => unknown): Promise<AppError> {
  try {
    await act()
  } catch (error) {
    expect(error).toBeInstanceOf(AppError)
    if (error instanceof AppError) return error
  }
  throw new Error('It did not fail.')
}

/** The text of a key file with these members and the checksum that fits them: what a forger would write. */
export function forgedKeyFile(members: Readonly<Record<string, unknown>>): string {
  const { checksum: _old, ...unsummed } = members
  return JSON.stringify({ ...unsummed, checksum: hash('sha256', JSON.stringify(unsummed)) })
}

const SCRIPT = `
  import { openKeyring } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
  const [folder, options, ask] = process.argv.slice(1)
  process.stdout.write('ready\\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  let created = 0
  const notify = ({ event }) => { if (event === 'signer.key_created') created += 1 }
  const keyring = openKeyring(folder, { ...JSON.parse(options), notify })
  const answer = await (0, eval)(ask)(keyring)
  process.stdout.write(JSON.stringify({ answer, created }))
  await keyring.close()
  process.exit()
`

export interface KeyringProcesses {
  readonly count: number
  readonly folder: string
  readonly options: Pick<KeyringOptions, 'passphrase' | 'pkcs11'>
  /** Source of a function of the keyring, whose answer is JSON. */
  readonly ask: string
}

/** Processes with a keyring that wait for a word on their standard input, then ask, and end. */
export async function startKeyrings({
  count,
  folder,
  options,
  ask,
}: KeyringProcesses): Promise<readonly ChildProcess[]> {
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, folder, JSON.stringify(options), ask], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')))
  return children
}

/** What each of several processes that begin in the same moment was answered, and how many keys it made. */
export async function askKeyrings(
  processes: KeyringProcesses,
): Promise<readonly { readonly answer: unknown; readonly created: number }[]> {
  const children = await startKeyrings(processes)
  const answers = children.map(answerOf)
  for (const child of children) child.stdin?.write('go\n')
  return Promise.all(answers)
}

async function answerOf(
  child: ChildProcess,
): Promise<{ readonly answer: unknown; readonly created: number }> {
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += String(chunk)
  })
  await once(child, 'close')
  return JSON.parse(text)
}
