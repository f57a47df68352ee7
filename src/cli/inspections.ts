import type { Config } from '../config/index.ts'
import type { RunningProgram } from './doctor-program.ts'
import type { Finding } from './finding.ts'

/** What `stoa doctor` has the parts look at. The composition root knows them. Nothing is made or changed. */
export interface Inspections {
  /**
   * The database, the chain of the audit log in it, the books, and the observatory.
   *
   * @param running the program that has the data folder; an embedded database can be asked through it alone.
   * @param onAuditRows told now and then how many rows of the audit log were read.
   */
  database(
    config: Config,
    running: RunningProgram | undefined,
    onAuditRows: (rows: number) => void,
  ): Promise<OfficeFindings>
  redis(config: Config): Promise<Finding>
  keys(config: Config): Promise<Finding>
  mail(config: Config): Promise<Finding>
}

export interface OfficeFindings {
  readonly database: Finding
  readonly audit: Finding
  /** The trial balance of the books. */
  readonly ledger: Finding
  /** What is watched, and whether the figures are kept. */
  readonly observatory: Finding
}
