/** What operators did to parts of the program that keep no tables of their own, in the audit log. */
import type { AuditRecord } from './audit/index.ts'
import { accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import type { Office } from './stoa-office.ts'

/** Who did what to which part of the program, in the audit log, when it was done. */
export async function writeDown(
  office: Office | undefined,
  entry: AuditRecord,
): Promise<Outcome<undefined, Refusal>> {
  const database = office?.database()
  const audit = office?.audit()
  if (database === undefined || audit === undefined) return NOT_READY
  await database.db.transaction().execute(async (tx) => void (await audit.record(tx, entry)))
  return accepted(undefined)
}

export const NOT_READY = refused({
  code: 'UNAVAILABLE',
  text: 'the database is not ready yet, try again in a moment',
})
