/** Where a profile says that its owner is paid: `lud16` (name@domain) or `lud06` (an LNURL). */
const LIGHTNING_ADDRESS =
  /^([a-z0-9._+-]{1,64})@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$/
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const CHECKSUM_CHARACTERS = 6
const MAX_LNURL_CHARACTERS = 1_024
/** Profiles that are longer are not looked at. */
const MAX_PROFILE_CHARACTERS = 65_536

/** Turns the wallet of a profile into the address that tells its signer; undefined when there is none. */
export function walletUrlOf(profileContent: string): URL | undefined {
  if (profileContent.length > MAX_PROFILE_CHARACTERS) return undefined
  const { lud16, lud06 } = readProfile(profileContent)
  return urlOfLightningAddress(lud16) ?? urlOfLnurl(lud06)
}

function readProfile(content: string): { readonly lud16?: unknown; readonly lud06?: unknown } {
  try {
    const profile: unknown = JSON.parse(content)
    return typeof profile === 'object' && profile !== null ? profile : {}
  } catch {
    return {}
  }
}

/** LUD-16. */
function urlOfLightningAddress(address: unknown): URL | undefined {
  if (typeof address !== 'string' || address.length > 320) return undefined
  const [, name, domain] = LIGHTNING_ADDRESS.exec(address.trim().toLowerCase()) ?? []
  return name === undefined ? undefined : new URL(`https://${domain}/.well-known/lnurlp/${name}`)
}

/** LUD-01: bech32 of a URL. Its checksum is not looked at: what was mistyped leads nowhere, and says nothing then. */
function urlOfLnurl(lnurl: unknown): URL | undefined {
  if (typeof lnurl !== 'string' || lnurl.length > MAX_LNURL_CHARACTERS) return undefined
  const text = lnurl.trim().toLowerCase()
  if (!text.startsWith('lnurl1')) return undefined
  const words = Array.from(text.slice('lnurl1'.length, -CHECKSUM_CHARACTERS), (character) =>
    BECH32.indexOf(character),
  )
  if (words.includes(-1)) return undefined
  const url = URL.parse(Buffer.from(bytesOfWords(words)).toString('utf8'))
  return url?.protocol === 'https:' && url.username === '' && url.port === '' ? url : undefined
}

/** Five bits each to eight bits each; what is left over is padding. */
function bytesOfWords(words: readonly number[]): number[] {
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const word of words) {
    held = ((held << 5) | word) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  return bytes
}
