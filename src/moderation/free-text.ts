/** A text from elsewhere as PostgreSQL can keep it: without zero characters and lone surrogates, and not too long. */
export function storableText(text: string, maxCharacters: number): string {
  // Cut by whole characters: half of a surrogate pair could not be stored.
  const characters = Array.from(
    text
      .slice(0, maxCharacters * 2)
      .toWellFormed()
      .replaceAll('\0', ''),
  )
  return characters.slice(0, maxCharacters).join('')
}
