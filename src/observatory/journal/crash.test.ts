import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { drained, testFolder, testJournal } from './testing/index.ts'

const CHILD = fileURLToPath(new URL('./testing/journal-forever.ts', import.meta.url))
const KILLS = 5

test('a process that is killed between writing and delivering loses nothing that was promised, and keeps the order', async () => {
  const folder = await testFolder()
  const delivered = join(folder, 'delivered')
  const promised: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const first = (promised.at(-1) ?? -1) + 1
    const said = await killAfter(
      [join(folder, 'journal'), delivered, `${first}`],
      10 + Math.floor(Math.random() * 80),
    )
    promised.push(...said)
  }
  const journal = await testJournal(join(folder, 'journal'))
  const left = (await drained(journal)).map(Number)
  const arrived = [...(await readFile(delivered, 'utf8')).split('\n').filter(Boolean).map(Number), ...left]
  const known = new Set(arrived)
  expect(promised.filter((number) => !known.has(number))).toEqual([])
  // Nothing comes for the first time before what is older.
  const firsts = [...known]
  expect(firsts).toEqual(firsts.toSorted((a, b) => a - b))
})

/** The numbers that it promised before it was killed. */
async function killAfter(args: readonly string[], count: number): Promise<number[]> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const promised: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    promised.push(Number(line))
    if (promised.length === count) child.kill('SIGKILL')
  }
  await exited
  return promised
}
