/** What the disk allows: each "packet" is two rows, written one after the other, as a packet's intent and its fulfilment are. */
import { sql } from 'kysely'
import type { Database } from '../../src/platform/database/index.ts'
import { forwardedPackets, fulfilForwarded } from './forwarded-packets.ts'
import type { MakePacket, Send } from './traffic.ts'

export interface BareCommits {
  readonly send: Send
  readonly toPeer: MakePacket
  stop(): Promise<void>
}

export async function openBareCommits({ db }: Database): Promise<BareCommits> {
  await sql`CREATE TABLE bare_commits (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)`.execute(
    db,
  )
  const write = (body: Buffer) => sql`INSERT INTO bare_commits (body) VALUES (${body})`.execute(db)
  return {
    send: async (prepare) => {
      await write(prepare.data)
      await write(prepare.executionCondition)
      return fulfilForwarded(prepare)
    },
    toPeer: forwardedPackets('test.disk'),
    stop: async () => void (await sql`DROP TABLE bare_commits`.execute(db)),
  }
}
