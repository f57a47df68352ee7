/** Longer than what honest people write into a name. */
const MOST_CHARACTERS = 200

/**
 * What strangers wrote, fit to stand in a line of ours: no control characters, none that turn the direction of what stands
 * beside it (UAX 9), no towers of accents, and no more than `most` characters.
 */
export function foreignText(text: string, most = MOST_CHARACTERS): string {
  const line = text
    // However long it is, no more than this is looked at.
    .slice(0, 2 * most)
    .replaceAll(/[\p{Cc}\p{Cs}\p{Bidi_C}\u2028\u2029]+/gu, ' ')
    .replaceAll(/(\p{M}{3})\p{M}+/gu, '$1')
    .trim()
  if (line.length <= most && text.length <= 2 * most) return line
  // An emoji may lie across the cut.
  return `${line.slice(0, most).replace(/\p{Cs}$/u, '')}…`
}
