/** Weak, since the same figures may come compressed or not. Of the program too: another one may write them differently. */
export function etagOf(programVersion: string, version: string): string {
  // Of what a tag may hold (RFC 9110), the harmless part.
  return `W/"${`${programVersion} ${version}`.replaceAll(/[^A-Za-z0-9.:_-]/g, '~')}"`
}

/** Whether `If-None-Match` names it. */
export function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header === etag || header.trim() === '*') return true
  const strong = etag.slice(2)
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === strong)
}
