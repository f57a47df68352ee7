import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import type { MakeStore } from '../../testing/index.ts'
import { type LogStoreOptions, openLogStore } from '../log-store.ts'
import { RemoteStore } from './remote-store.ts'
import { serveLogStore } from './serve-store.ts'

/** Log stores used through a port, as an I/O thread uses them. */
export function makeRemoteStore(options: Omit<LogStoreOptions, 'folder'> = {}): MakeStore {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stoa-remote-'))
    const open = async () => {
      const { port1, port2 } = new MessageChannel()
      serveLogStore(await openLogStore({ folder, ...options }), [port1], () => port1.close())
      const remote = new RemoteStore(port2)
      await remote.ready
      return remote
    }
    let store = await open()
    return {
      store,
      reopen: async () => {
        await store.closeStore()
        store = await open()
        return store
      },
      dispose: async () => {
        await store.closeStore()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }
}
