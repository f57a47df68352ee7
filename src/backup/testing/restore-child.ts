/** The process that a test kills: restores the newest backup of a folder into a log store. */
import { join } from 'node:path'
import { openLogStore } from '../../events/log/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { restoreBackup } from '../restore-backup.ts'

const [folder = '', dataDir = ''] = process.argv.slice(2)
await restoreBackup({
  folder,
  dataDir,
  openStore: () => openLogStore({ folder: join(dataDir, 'events'), maintenance: 'inline', search: false }),
  clock: systemClock,
  signal: new AbortController().signal,
  onProgress: (step, done) => {
    if (step === 'events') process.stdout.write(`${done}\n`)
  },
})
process.stdout.write('restored\n')
