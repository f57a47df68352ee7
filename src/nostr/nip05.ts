import { accepted, type Outcome, refused } from '../kernel/index.ts'

/** The longest name given out, in characters: as in an e-mail address (RFC 5321). */
export const MAX_NIP05_NAME_CHARACTERS = 64

/** Is it a name as it stands in `nostr.json`: `a-z0-9-_.`, nothing else? `_` is the name of the domain itself. */
export function isNip05Name(name: string): boolean {
  return name.length <= MAX_NIP05_NAME_CHARACTERS && /^[a-z0-9._-]+$/.test(name)
}

/** A name as people type it; upper case is lowered. The refusal is a text for them. */
export function parseNip05Name(typed: string): Outcome<string, string> {
  const name = typed.toLowerCase()
  if (isNip05Name(name)) return accepted(name)
  return refused(`a name has 1 to ${MAX_NIP05_NAME_CHARACTERS} characters out of a-z, 0-9, "-", "_" and "."`)
}

export interface Nip05Person {
  /** As `isNip05Name` wants it. */
  readonly name: string
  /** Lowercase hex. */
  readonly pubkey: string
  /** Where to find this person's events; may be empty. */
  readonly relays: readonly string[]
}

/** What stands in `/.well-known/nostr.json`. */
export interface Nip05Document {
  readonly names: Readonly<Record<string, string>>
  /** By public key. */
  readonly relays: Readonly<Record<string, readonly string[]>>
}

/** The answer to `/.well-known/nostr.json?name=…`; with nobody in it when nobody has the name. */
export function nip05Document(people: readonly Nip05Person[]): Nip05Document {
  // `fromEntries` and not assignment: `__proto__` is a name like any other.
  return {
    names: Object.fromEntries(people.map(({ name, pubkey }) => [name, pubkey])),
    relays: Object.fromEntries(
      people.flatMap(({ pubkey, relays }) => (relays.length === 0 ? [] : [[pubkey, relays]])),
    ),
  }
}
