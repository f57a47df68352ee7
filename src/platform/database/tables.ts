/**
 * All tables of the database as Kysely sees them, by the name of the table. Empty here: the platform knows no part.
 * A part adds its own rows where it declares them, and so stays apart from the others:
 *
 * @example
 * declare module '../platform/database/tables.ts' {
 *   interface Tables {
 *     audit_entries: AuditEntriesTable
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is filled by declaration merging, which a type alias has not.
export interface Tables {}
