import { type Filter, reason } from '../../../nostr/index.ts'

/** Refuses a filter that names nothing: it would be sent everything that comes. */
export function refuseWide({ ids, authors, kinds, tags, search }: Filter): string | undefined {
  const isNarrow = [ids, authors, kinds, tags].some((list) => list !== undefined && list.length > 0)
  // An empty list matches nothing, so it is as narrow as can be.
  const isEmpty = [ids, authors, kinds].some((list) => list?.length === 0)
  return isNarrow || isEmpty || search !== undefined ? undefined : TOO_WIDE
}

const TOO_WIDE = reason(
  'restricted',
  'name ids, authors, kinds or a tag: this relay does not send everything',
)
