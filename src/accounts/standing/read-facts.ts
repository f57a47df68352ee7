import type { Rows } from '../context.ts'
import type { KeyFacts } from './level-of.ts'

/** What the tables say about these keys, or about all that they name. Keys without any fact are not in the answer. */
export async function readFacts(
  rows: Rows,
  nowSeconds: number,
  pubkeys?: readonly string[],
): Promise<ReadonlyMap<string, KeyFacts>> {
  if (pubkeys?.length === 0) return new Map()
  const facts = new Map<string, KeyFacts>()
  const note = (pubkey: string, fact: Partial<KeyFacts>) => {
    facts.set(pubkey, { isMember: false, isTrusted: false, ...facts.get(pubkey), ...fact })
  }
  const only = pubkeys ?? []
  const isOnly = pubkeys !== undefined
  const members = await rows
    .selectFrom('account_members')
    .select('pubkey')
    .$if(isOnly, (rest) => rest.where('pubkey', 'in', only))
    .execute()
  const trusted = await rows
    .selectFrom('account_trusted_authors')
    .select('pubkey')
    .$if(isOnly, (rest) => rest.where('pubkey', 'in', only))
    .execute()
  const subscribed = await rows
    .selectFrom('account_subscriptions')
    .select(['pubkey', 'until_seconds'])
    .where('until_seconds', '>', BigInt(nowSeconds))
    .$if(isOnly, (rest) => rest.where('pubkey', 'in', only))
    .execute()
  for (const { pubkey } of members) note(pubkey, { isMember: true })
  for (const { pubkey } of trusted) note(pubkey, { isTrusted: true })
  for (const { pubkey, until_seconds } of subscribed) {
    note(pubkey, { subscribedUntilSeconds: Number(until_seconds) })
  }
  return facts
}
