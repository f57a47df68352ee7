import type { Encoding } from './site-files.ts'

/** The best encoding that a browser takes (`Accept-Encoding`, RFC 9110, 12.5.3); a weight of 0 refuses one. */
export function acceptedEncoding(header: string | undefined): Encoding {
  const accepted = (header ?? '').split(',', 16).flatMap((entry) => {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    return parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) ? [] : [name]
  })
  if (accepted.includes('br')) return 'br'
  return accepted.includes('gzip') ? 'gzip' : 'identity'
}
