/** Pages of a list whose body stays an array: what there is beside them is in headers. */

export interface Page {
  readonly limit: number
  readonly offset: number
}

export function pageOf<T>(items: readonly T[], { limit, offset }: Page): readonly T[] {
  return items.slice(offset, offset + limit)
}

/**
 * `X-Total-Count` and `Link` (RFC 8288) with `first`, `prev`, `next` and `last`, those that there are.
 *
 * @param url path and query as they were asked for.
 */
export function pageHeaders(total: number, page: Page, url: string): Readonly<Record<string, string>> {
  const { limit, offset } = page
  const lastOffset = total === 0 ? 0 : Math.floor((total - 1) / limit) * limit
  const relations: readonly (readonly [name: string, offset: number, isThere: boolean])[] = [
    ['first', 0, true],
    ['prev', Math.max(0, offset - limit), offset > 0],
    ['next', offset + limit, offset + limit < total],
    ['last', lastOffset, true],
  ]
  const links = relations
    .filter(([, , isThere]) => isThere)
    .map(([name, at]) => `<${withPage(url, { limit, offset: at })}>; rel="${name}"`)
  return { 'x-total-count': String(total), link: links.join(', ') }
}

function withPage(url: string, { limit, offset }: Page): string {
  const [path = '', search = ''] = url.split('?', 2)
  const query = new URLSearchParams(search)
  query.set('limit', String(limit))
  query.set('offset', String(offset))
  return `${path}?${query}`
}
