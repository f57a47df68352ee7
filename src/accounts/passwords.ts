import { hash, verify } from '@node-rs/argon2'
import { accepted } from '../kernel/index.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { randomSecret } from './secrets.ts'

/** argon2id, 19 MiB and two passes: some 30 ms for each guess on one processor (OWASP's first choice). */
const COSTS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
/** Hashes under way at once; each takes 19 MiB while it is computed, and four are. */
const MAX_AT_ONCE = 64
const MIN_CHARACTERS = 10
const MAX_CHARACTERS = 200

export interface Passwords {
  /** The text to keep, in PHC format. Refused with `BUSY` when too many are under way. */
  hash(password: string): Promise<AccountOutcome<string>>
  /** Is it the password? Without a hash the answer is no, after the same time as with one. */
  verify(password: string, passwordHash: string | undefined): Promise<AccountOutcome<boolean>>
}

export function createPasswords(): Passwords {
  let underWay = 0
  // Made by the same costs from a secret that is thrown away: what nobody's password is compared with.
  const decoy = hash(randomSecret(), COSTS)
  // It is awaited below; until then a failure must not end the process.
  decoy.catch(() => {})

  const whenFree = async <T>(work: () => Promise<T>): Promise<AccountOutcome<T>> => {
    if (underWay >= MAX_AT_ONCE)
      return refuse('BUSY', 'too many people sign in at once, try again in a moment')
    underWay += 1
    try {
      return accepted(await work())
    } finally {
      underWay -= 1
    }
  }

  return {
    hash: (password) => whenFree(() => hash(normalize(password), COSTS)),
    verify: (password, passwordHash) =>
      whenFree(async () => {
        const isRight = await verify(passwordHash ?? (await decoy), normalize(password))
        return passwordHash !== undefined && isRight
      }),
  }
}

/** A password that somebody may choose. What is refused here is said before anybody looks whose it is. */
export function checkNewPassword(password: string): AccountOutcome<void> {
  // Characters as people count them, not UTF-16 units.
  const characters = [...password].length
  if (characters < MIN_CHARACTERS || characters > MAX_CHARACTERS) {
    return refuse('INVALID', `a password has ${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters`)
  }
  return accepted(undefined)
}

/**
 * The same password typed on another keyboard may come as other code points: NFKC makes them one. What is longer than
 * a password can be is cut, so that nobody has a megabyte hashed.
 */
function normalize(password: string): string {
  return password.slice(0, MAX_CHARACTERS * 4).normalize('NFKC')
}
