import { expect, test } from 'vitest'
import { z } from 'zod'
import { describeConfig } from './describe-config.ts'
import { defaultConfig } from './load-config.ts'
import { notes } from './notes.ts'
import { listSettings } from './settings.ts'

const PLANTED = 'nsec1plantedsecret'

const schemaWithSecret = z.strictObject({
  signer: z
    .strictObject({
      key: z.string().default('').register(notes, { says: 'A key.', secret: true }),
      name: z.string().default('x').register(notes, { says: 'A name.' }),
    })
    .register(notes, { says: 'Keys.' }),
})

test('a secret is never part of the description, only whether it is set', () => {
  const settings = listSettings(schemaWithSecret)
  const described = describeConfig(
    { signer: { key: PLANTED, name: 'y' } },
    new Map([['signer.key', 'STOA_SIGNER__KEY']]),
    settings,
  )
  expect(JSON.stringify(described)).not.toContain(PLANTED)
  expect(described).toEqual([
    { key: 'signer.key', value: '(hidden)', source: 'STOA_SIGNER__KEY' },
    { key: 'signer.name', value: '"y"', source: 'default' },
  ])
  const unset = describeConfig({ signer: { key: '', name: 'y' } }, new Map(), settings)
  expect(unset[0]?.value).toBe('(not set)')
})

test('every setting is described with its value and source', () => {
  const described = describeConfig(defaultConfig(), new Map([['relay.port', '--port']]))
  expect(described).toContainEqual({ key: 'relay.port', value: '7777', source: '--port' })
  expect(described).toContainEqual({ key: 'relay.limits.maxLimit', value: '5000', source: 'default' })
  expect(described.map(({ key }) => key)).toEqual(listSettings().map(({ key }) => key))
})
