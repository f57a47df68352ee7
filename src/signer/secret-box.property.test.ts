import { createHmac, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSecretBox, MAX_SEALED_BYTES, randomSecret } from './secret-box.ts'
import { faultOf } from './testing.ts'

const bytes = fc.uint8Array({ maxLength: 300 })
const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('what was sealed opens with the same secret and context, as it was', () => {
  fc.assert(
    fc.property(secrets, bytes, fc.string(), (secret, plaintext, context) => {
      const sealed = createSecretBox(secret).seal(plaintext, context)
      expect(sealed).toMatch(/^seal1\.[A-Za-z0-9_-]+$/)
      expect(createSecretBox(secret).open(sealed, context)).toEqual({
        ok: true,
        value: Buffer.from(plaintext),
      })
    }),
  )
})

test('it opens with no other secret and in no other context', () => {
  fc.assert(
    fc.property(
      secrets,
      secrets,
      bytes,
      fc.string(),
      fc.string(),
      (secret, other, plaintext, context, elsewhere) => {
        const sealed = createSecretBox(secret).seal(plaintext, context)
        const refusal = { ok: false, refusal: { code: 'SEAL_REFUSED' } }
        if (!Buffer.from(secret).equals(other))
          expect(createSecretBox(other).open(sealed, context)).toMatchObject(refusal)
        if (context !== elsewhere)
          expect(createSecretBox(secret).open(sealed, elsewhere)).toMatchObject(refusal)
      },
    ),
  )
})

test('no change of one character, no piece of it and no other text opens', () => {
  const box = createSecretBox(randomSecret())
  const sealed = box.seal(Buffer.from('a token of a peer'), 'peer/alice')
  const changed = fc
    .tuple(fc.nat(sealed.length - 1), fc.constantFrom(...'ABCDabcd0123-_.+/= '))
    .filter(([at, char]) => sealed[at] !== char)
    .map(([at, char]) => sealed.slice(0, at) + char + sealed.slice(at + 1))
  const shortened = fc.nat(sealed.length - 1).map((length) => sealed.slice(0, length))
  const lengthened = fc.constantFrom('A', '=', ' ', '\n').map((end) => sealed + end)
  fc.assert(
    fc.property(fc.oneof(changed, shortened, lengthened, fc.string()), (text) => {
      expect(box.open(text, 'peer/alice').ok).toBe(false)
    }),
    { numRuns: 1000 },
  )
})

test('the same plaintext is never sealed to the same text', () => {
  const box = createSecretBox(randomSecret())
  const texts = Array.from({ length: 200 }, () => box.seal(Buffer.from('same'), 'same'))
  expect(new Set(texts.map((text) => text.slice(0, 30))).size).toBe(200)
})

test('what is derived is HKDF-SHA256 without salt, and another info gives other bytes', () => {
  fc.assert(
    fc.property(secrets, fc.string(), fc.string(), (secret, info, other) => {
      const extracted = createHmac('sha256', Buffer.alloc(32)).update(secret).digest()
      const expanded = createHmac('sha256', extracted).update(info).update(Buffer.of(1)).digest()
      const box = createSecretBox(secret)
      expect(box.derive(info)).toEqual(expanded)
      if (info !== other) expect(box.derive(other)).not.toEqual(expanded)
    }),
  )
})

test('more than it takes is not sealed, and not opened', async () => {
  const box = createSecretBox(randomSecret())
  const most = randomBytes(MAX_SEALED_BYTES)
  expect(box.open(box.seal(most, ''), '')).toEqual({ ok: true, value: most })
  expect(await faultOf(() => box.seal(Buffer.alloc(MAX_SEALED_BYTES + 1), ''))).toMatchObject({
    code: 'SIGNER_FAILED',
  })
  expect(box.open(`seal1.${'A'.repeat(MAX_SEALED_BYTES * 2)}`, '')).toMatchObject({
    refusal: { code: 'SEAL_MALFORMED' },
  })
})

test('it keeps a secret of its own, of 32 bytes, and shows it to nobody', async () => {
  const secret = randomSecret()
  const hex = secret.toString('hex')
  const box = createSecretBox(secret)
  const before = box.derive('x')
  secret.fill(0)
  expect(box.derive('x')).toEqual(before)
  expect(inspect(box, { depth: null, showHidden: true })).not.toContain(hex)
  expect(await faultOf(() => createSecretBox(Buffer.alloc(31)))).toMatchObject({ code: 'SIGNER_KEY_INVALID' })
})
