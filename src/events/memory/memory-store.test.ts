import { describeEventStoreContract } from '../contract.ts'
import { createMemoryStore } from './index.ts'

// The memory store has nothing to open again. Handing the same store back tries the claims about reopening
// themselves: what they ask for is what an engine that forgets nothing answers.
describeEventStoreContract('the memory store', async () => {
  const store = createMemoryStore()
  return { store, reopen: async () => store, dispose: () => store.close() }
})
