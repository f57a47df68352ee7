import { expect, test } from 'vitest'
import { type Config, defaultConfig } from './config/index.ts'
import { watchOptions } from './stoa-observatory-options.ts'

const FACTS = { databaseUrl: 'postgresql://localhost/stoa', processId: 'one', own: undefined }

function configOf(observatory: Partial<Config['observatory']>): Config {
  const config = defaultConfig()
  return { ...config, observatory: { ...config.observatory, ...observatory } }
}

test('where the network is watched what others say of relays is heard, whatever is counted', async () => {
  const found = await watchOptions(configOf({ watch: 'network', kinds: [1, 7] }), FACTS)
  expect(found).toMatchObject({
    collector: { kinds: [1, 7, 10_002, 30_166] },
    uncountedKinds: [10_002, 30_166],
  })
  const still = await watchOptions(configOf({ watch: 'network', kinds: [1, 10_002], discover: false }), FACTS)
  expect(still).toMatchObject({ collector: { kinds: [1, 10_002, 30_166] }, uncountedKinds: [30_166] })
})

test('of all kinds everything is counted, and of this relay alone what is listed', async () => {
  const all = await watchOptions(configOf({ watch: 'network', kinds: [] }), FACTS)
  expect(all).toMatchObject({ collector: { kinds: 'all' }, uncountedKinds: [] })
  const own = await watchOptions(configOf({ watch: 'own', kinds: [1] }), FACTS)
  expect(own).toMatchObject({ collector: { kinds: [1] }, uncountedKinds: [] })
})
