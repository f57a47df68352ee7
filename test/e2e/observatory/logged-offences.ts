import { Client } from 'pg'

/** What each relay has done wrong, as the table `relay_logs` has it; relays that did nothing are left out. */
export async function loggedOffences(databaseUrl: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ readonly url: string; readonly what: string }>(
      `SELECT url, what FROM relay_logs l JOIN relays r ON r.id = l.relay WHERE level = 'warn'`,
    )
    const offences = new Map<string, Set<string>>()
    for (const { url, what } of rows) offences.set(url, (offences.get(url) ?? new Set()).add(what))
    return offences
  } finally {
    await client.end()
  }
}
