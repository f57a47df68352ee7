import { isHex64, MAX_KIND } from '../../nostr/index.ts'
import { type AccessChange, type InformationOverrides, isAuthLevel, isIpRange } from '../../relay/index.ts'

export const MAX_REASON_CHARACTERS = 1_000

/** Longest texts of the NIP-11 document, in characters. */
const MAX_INFORMATION = { name: 100, description: 10_000, icon: 2_000 } as const satisfies Record<
  keyof InformationOverrides,
  number
>
/** `integer` of PostgreSQL; nobody has more connections. */
const MAX_CONNECTIONS = 2 ** 31 - 1

/** What is wrong with a change, as a sentence; undefined when it can be made. */
export function mistakeIn(change: AccessChange): string | undefined {
  if ('reason' in change && !isText(change.reason, MAX_REASON_CHARACTERS)) {
    return `A reason has at most ${MAX_REASON_CHARACTERS} characters.`
  }
  if ('pubkey' in change && !isHex64(change.pubkey)) return 'A public key is 64 lowercase hex characters.'
  if ('id' in change && !isHex64(change.id)) return 'An event id is 64 lowercase hex characters.'
  if ('kind' in change && !isWhole(change.kind, 0, MAX_KIND))
    return `A kind is a number from 0 to ${MAX_KIND}.`
  if ('ip' in change && !isIpRange(change.ip)) return 'An address is an IP, or a range like 10.0.0.0/8.'
  switch (change.do) {
    case 'set-level':
      return mistakeInLevel(change.level, change.expiresAtSeconds)
    case 'set-max-connections':
      return isWhole(change.maxConnections ?? 1, 1, MAX_CONNECTIONS)
        ? undefined
        : `A limit on connections is a number from 1 to ${MAX_CONNECTIONS}.`
    case 'set-information':
      return mistakeInInformation(change)
    default:
      return undefined
  }
}

function mistakeInLevel(level: unknown, expiresAtSeconds: number | undefined): string | undefined {
  if (!isAuthLevel(level)) return 'A level is a number from 0 to 4.'
  return isWhole(expiresAtSeconds ?? 0, 0, Number.MAX_SAFE_INTEGER)
    ? undefined
    : 'A level ends at a time in whole Unix seconds.'
}

function mistakeInInformation(information: InformationOverrides): string | undefined {
  for (const member of ['name', 'description', 'icon'] as const) {
    const max = MAX_INFORMATION[member]
    if (!isText(information[member] ?? '', max)) return `The ${member} has at most ${max} characters.`
  }
  return undefined
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

/** PostgreSQL keeps neither zero characters nor lone surrogates. */
function isText(text: string, maxCharacters: number): boolean {
  return text.length <= maxCharacters && text.isWellFormed() && !text.includes('\0')
}
