/** The process that a test kills: makes a backup of a log store in files of few events, and tells of each file. */
import { openLogStore } from '../../events/log/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { createBackup } from '../create-backup.ts'

const [dataDir = '', folder = ''] = process.argv.slice(2)
const store = await openLogStore({ folder: dataDir, maintenance: 'inline', search: false })
let told = 0
await createBackup({
  folder,
  sources: { store, dataDir, configFile: undefined, withKeys: false },
  clock: systemClock,
  version: '0.0.0-test',
  signal: new AbortController().signal,
  bounds: { maxEvents: 400, maxPlainBytes: 10_000_000 },
  onProgress: (events) => {
    if (events < told + 300) return
    told = events
    process.stdout.write(`${events}\n`)
  },
})
process.stdout.write('made\n')
