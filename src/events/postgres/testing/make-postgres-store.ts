import type { MakeStore } from '../../testing/index.ts'
import { openPostgresStore } from '../index.ts'
import { dropSchema, freshSchema } from './postgres-server.ts'

/** Fresh stores in schemas of their own. @param url of the database, asked for when a store is made. */
export function makePostgresStore(url: () => string): MakeStore {
  return async () => {
    const schema = freshSchema()
    const open = () => openPostgresStore({ url: url(), schema, maxReaders: 3 })
    let store = await open()
    return {
      store,
      reopen: async () => {
        await store.close()
        store = await open()
        return store
      },
      dispose: async () => {
        await store.close()
        await dropSchema(url(), schema)
      },
    }
  }
}
