import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lineText, readLines } from './read-lines.ts'

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function linesOf(content: string, { chunk = 64, maxLineBytes = 1000 } = {}) {
  const lines: (string | undefined)[] = []
  const offsets: number[] = []
  for await (const group of readLines(inChunks(Buffer.from(content), chunk), { maxLineBytes })) {
    for (const { bytes, endOffset } of group) {
      lines.push(bytes?.toString())
      offsets.push(endOffset)
    }
  }
  return { lines, offsets }
}

test('lines are the same however the bytes are cut', async () => {
  const content = fc
    .array(fc.stringMatching(/^[ab\né]{0,8}$/), { maxLength: 12 })
    .map((parts) => parts.join('\n'))
  await fc.assert(
    fc.asyncProperty(content, fc.integer({ min: 1, max: 9 }), async (text, chunk) => {
      const expected = text.split('\n')
      if (expected.at(-1) === '') expected.pop()
      const { lines, offsets } = await linesOf(text, { chunk })
      expect(lines).toEqual(expected)
      expect(offsets.at(-1) ?? 0).toBe(Buffer.byteLength(text))
    }),
  )
})

test.each([1, 3, 64])(
  'a line longer than allowed is dropped and its neighbours kept (chunks of %i bytes)',
  async (chunk) => {
    const { lines, offsets } = await linesOf('short\nmuch too long\n12345678\nlast is too long', {
      chunk,
      maxLineBytes: 8,
    })
    expect(lines).toEqual(['short', undefined, '12345678', undefined])
    expect(offsets).toEqual([6, 20, 29, 45])
  },
)

test('bytes that are not UTF-8 are no text', () => {
  expect(lineText(Buffer.from([0x61, 0xff]))).toBeUndefined()
  expect(lineText(Buffer.from('é'))).toBe('é')
})
