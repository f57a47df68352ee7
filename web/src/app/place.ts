export type Place =
  | { readonly page: 'front' }
  | { readonly page: 'relay'; readonly url: string }
  | { readonly page: 'nowhere' }

/** Which page a path is. */
export function readPlace(pathname: string): Place {
  if (pathname === '/') return { page: 'front' }
  const [, encoded] = /^\/relays\/(.+)$/.exec(pathname) ?? []
  if (encoded === undefined) return { page: 'nowhere' }
  const url = decoded(encoded)
  return url === undefined ? { page: 'nowhere' } : { page: 'relay', url }
}

function decoded(text: string): string | undefined {
  try {
    // Some proxies decode the path and make one slash of two.
    const url = decodeURIComponent(text).replace(/^(wss?):\/+/, '$1://')
    // Whoever links to this page does not choose what its title says.
    return /^wss?:\/\//.test(url) ? url : undefined
  } catch {
    return undefined
  }
}
