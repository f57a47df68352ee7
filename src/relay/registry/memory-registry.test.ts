import { describeRegistryContract } from './contract.ts'
import { createMemoryRegistry } from './memory-registry.ts'

describeRegistryContract('the registry in memory', async () => ({
  registry: createMemoryRegistry(),
  dispose: async () => {},
}))
