import { existsSync } from 'node:fs'
import { findEmbeddedProgram, type PostgresProgram, serverUser } from '../embedded/index.ts'

/** Which PostgreSQL a test runs on: the one that comes with the program, or Debian's, which is older. */
export type PostgresUnderTest = 'embedded' | 'debian'

/** Debian 12 has PostgreSQL 15, the oldest that the program works with; Debian 13 has 17. */
const DEBIAN_MAJORS = ['15', '16', '17', '18']

const DEBIAN: PostgresProgram | undefined = DEBIAN_MAJORS.map((major) => ({
  initdb: `/usr/lib/postgresql/${major}/bin/initdb`,
  postgres: `/usr/lib/postgresql/${major}/bin/postgres`,
  major,
})).find(({ postgres }) => existsSync(postgres))

/** The PostgreSQL that tests use unless they say otherwise: `STOA_TEST_POSTGRES`, `embedded` when it is not set. */
export function chosenPostgres(): PostgresUnderTest {
  const chosen = process.env.STOA_TEST_POSTGRES ?? 'embedded'
  if (chosen === 'embedded' || chosen === 'debian') return chosen
  throw new Error(`STOA_TEST_POSTGRES is ${chosen}; it can be embedded or debian`)
}

/** Its programs; undefined, with a word on standard error, where it is not installed. */
export function programUnderTest(
  which: PostgresUnderTest,
  scratchFolder: string,
): PostgresProgram | undefined {
  if (which === 'embedded') return findEmbeddedProgram(scratchFolder, serverUser())
  if (DEBIAN !== undefined) return DEBIAN
  console.error('SKIPPED: there is no PostgreSQL in /usr/lib/postgresql (apt-get install postgresql)')
  return undefined
}

/** For `describe.runIf`: false, loudly, where Debian's PostgreSQL is not installed. */
export function hasDebianPostgres(): boolean {
  return programUnderTest('debian', '') !== undefined
}
