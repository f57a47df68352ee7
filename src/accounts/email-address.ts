import { accepted } from '../kernel/index.ts'
import { type AccountOutcome, refuse } from './refusal.ts'

const MAX_CHARACTERS = 254
/** Something, an @, a domain with a dot or `localhost`: whether a mail arrives decides about the rest. */
const ADDRESS = /^[^\s@<>"(),:;[\]\\]{1,64}@(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}$/

/** An address as it is kept: in lower case, so that one mailbox has one account. */
export function parseEmailAddress(typed: string): AccountOutcome<string> {
  const address = typed.trim().toLowerCase()
  const isAddress = address.length <= MAX_CHARACTERS && ADDRESS.test(address) && !hasControls(address)
  return isAddress ? accepted(address) : refuse('INVALID', 'this is no e-mail address')
}

/** A line end would start a new header of the mail. */
function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text)
}
