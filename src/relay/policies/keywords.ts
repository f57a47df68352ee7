import { AppError } from '../../kernel/index.ts'
import { KINDS, type NostrEvent } from '../../nostr/index.ts'
import { compileLinearPattern, type LinearPattern } from './linear-pattern.ts'
import { definePolicy } from './policy.ts'
import { verdictOf } from './verdicts.ts'

/** Patterns look at so many characters of a text; words at all of them. */
const PATTERN_CHARACTERS = 16_384

/** What nobody but the recipient can read has no words in it. */
const UNREADABLE: ReadonlySet<number> = new Set([
  KINDS.ENCRYPTED_DIRECT_MESSAGE,
  KINDS.GIFT_WRAP,
  KINDS.EPHEMERAL_GIFT_WRAP,
])

/** Tags whose value people read. */
const READABLE_TAGS: ReadonlySet<string> = new Set([
  't',
  'title',
  'subject',
  'summary',
  'description',
  'name',
  'alt',
])

/** Words and patterns that are not wanted. After the signature check, since long texts take time. */
export const keywords = definePolicy({
  name: 'keywords',
  pick: ({ policies }) => {
    const { words, action } = policies.keywords
    return words.length === 0 ? undefined : { words, action }
  },
  create: ({ words, action }, { lists }) => {
    const rules = words.map(parseKeyword)
    const verdict = verdictOf(action, 'it holds a word that is not wanted here')
    return {
      name: 'keywords',
      stage: 'after-signature',
      judge: (event, { origin }) => {
        if (origin === 'import' || UNREADABLE.has(event.kind) || lists.isAllowedPubkey(event.pubkey))
          return undefined
        const text = readableText(event)
        return rules.some((finds) => finds(text)) ? verdict : undefined
      },
    }
  },
})

type Finds = (lowerCaseText: string) => boolean

/** A rule is a pattern between slashes, or a word or phrase, found where no letter or digit stands beside it. */
export function parseKeyword(rule: string): Finds {
  const isPattern = rule.length > 2 && rule.startsWith('/') && rule.endsWith('/')
  if (!isPattern) return findsWord(rule.toLowerCase())
  const compiled = compileLinearPattern(rule.slice(1, -1))
  if (compiled.ok) return findsPattern(compiled.value)
  throw new AppError('CONFIG_INVALID', `relay.policies.keywords.words: ${compiled.refusal.text}`)
}

function findsPattern(pattern: LinearPattern): Finds {
  return (text) => pattern.test(text.length > PATTERN_CHARACTERS ? text.slice(0, PATTERN_CHARACTERS) : text)
}

function findsWord(word: string): Finds {
  return (text) => {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      if (!isJoined(text, at, at + word.length, word)) return true
    }
    return false
  }
}

/** Does the word go on in the text? Scripts without spaces between words are searched as they are. */
function isJoined(text: string, start: number, end: number, word: string): boolean {
  if (UNSPACED.test(word)) return false
  return (
    LETTER_BEFORE.test(text.slice(Math.max(0, start - 2), start)) ||
    LETTER_BEHIND.test(text.slice(end, end + 2))
  )
}

const LETTER_BEFORE = /[\p{L}\p{N}]$/u
const LETTER_BEHIND = /^[\p{L}\p{N}]/u
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u

function readableText({ content, tags }: NostrEvent): string {
  let text = content
  for (const [name = '', value = ''] of tags) {
    if (READABLE_TAGS.has(name)) text += `\n${value}`
  }
  return text.toLowerCase()
}
