import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'

const PATH = resolve(import.meta.dirname, 'relays.txt')

/** The relays that come with the program, best first, each a normalised `wss:` URL. README.md says how they were chosen. */
export async function seedRelays(): Promise<readonly string[]> {
  const lines = (await readFile(PATH, 'utf8')).split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}
