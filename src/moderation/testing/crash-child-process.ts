import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url))

/** Runs the child until it says where it is, kills it there, and returns what it said. */
export async function crashChild(
  ...args: readonly [url: string, folder: string, what: string, subject: string]
): Promise<string> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const reader = createInterface(child.stdout)
  const said: unknown[] = await Promise.race([
    once(reader, 'line'),
    ended.then(() => ['(it ended by itself)']),
  ])
  child.kill('SIGKILL')
  await ended
  return String(said[0])
}
