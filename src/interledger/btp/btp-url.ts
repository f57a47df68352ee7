import { accepted, type Outcome, refused } from '../../kernel/index.ts'

/**
 * Reads the address of a BTP server: `wss://host/path` or `ws://…`, also with the `btp+` before it that BTP addresses
 * have elsewhere. The refusal is a text. Names and tokens have no place in it, since addresses are logged and shown.
 */
export function parseBtpUrl(text: string): Outcome<URL, string> {
  const bare = text.startsWith('btp+') ? text.slice('btp+'.length) : text
  const url = URL.parse(bare)
  if (url === null || !/^wss?:$/.test(url.protocol)) return refused('it is no ws:// or wss:// address')
  if (url.username !== '' || url.password !== '')
    return refused('a token in it would be shown: give it apart')
  return accepted(url)
}
