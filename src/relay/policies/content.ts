import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** How long a content may be (`max_content_length` of NIP-11). */
export const contentLength = definePolicy({
  name: 'content',
  pick: ({ limits }) => ({ max: limits.maxContentLength }),
  create: ({ max }) => ({
    name: 'content',
    stage: 'before-signature',
    judgesVanish: true,
    judge: ({ content }) => {
      if (codePointLength(content, max) <= max) return undefined
      return refuse('invalid', `the content has more than ${max} characters`)
    },
  }),
})

/** Length in Unicode characters; counts only when the length in UTF-16 units leaves a doubt. */
export function codePointLength(text: string, enough: number): number {
  if (text.length <= enough) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}
