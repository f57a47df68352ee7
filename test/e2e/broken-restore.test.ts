/** A restore that was killed half-way: no command takes the part for all, and the command that is named finishes it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { createBackup } from '../../src/backup/index.ts'
import { openLogStore } from '../../src/events/log/index.ts'
import { NOW_SECONDS, put, testEvent } from '../../src/events/testing/index.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { Stage } from './stoa-process.ts'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

const EVENTS = 1_500
const RESTORING = fileURLToPath(new URL('../../src/backup/testing/restore-child.ts', import.meta.url))

test('what a killed restore has left is opened by nothing but the restore that finishes it', {
  timeout: 240_000,
}, async () => {
  const [source, backups, dataDir] = [stage.folder(), stage.folder(), stage.folder()]
  const name = await backUp(source, backups)
  await killedRestore(backups, dataDir)

  const command = `stoa restore ${backups} --backup ${name} --data ${dataDir}`
  for (const args of [
    ['export'],
    ['import', '-'],
    ['prune', '--dry-run'],
    ['backup', `${backups}2`],
    ['start'],
  ]) {
    const refused = await stage.run([...args, '--data', dataDir], { STOA_RETENTION__RULES: '*: days=1' })
    expect({ args, code: refused.code }).toEqual({ args, code: 3 })
    expect(refused.stderr).toContain(command)
  }

  const [, ...finish] = command.split(' ')
  expect(await stage.run([...finish, '--skip-signatures'])).toMatchObject({ code: 0 })
  const exported = await stage.run(['export', '--data', dataDir])
  expect(exported.code).toBe(0)
  expect(exported.stdout.trimEnd().split('\n')).toHaveLength(EVENTS)
})

async function backUp(source: string, folder: string): Promise<string> {
  const store = await openLogStore({ folder: `${source}/events`, maintenance: 'inline', search: false })
  try {
    const events = Array.from({ length: EVENTS }, (_, n) =>
      testEvent({ content: `note ${n}`, created_at: NOW_SECONDS - EVENTS + n }),
    )
    await put(store, events)
    const { name } = await createBackup({
      folder,
      sources: { store, dataDir: source, configFile: undefined, withKeys: false },
      clock: systemClock,
      version: '1.2.3',
      signal: new AbortController().signal,
      bounds: { maxEvents: 150, maxPlainBytes: 10_000_000 },
    })
    return name
  } finally {
    await store.close()
  }
}

/** Restores until the first events are in, and is killed then. */
async function killedRestore(backups: string, dataDir: string): Promise<void> {
  const child = spawn(process.execPath, [RESTORING, backups, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
