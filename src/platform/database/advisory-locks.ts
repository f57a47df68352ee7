/**
 * The advisory locks of this program in PostgreSQL, all of them: two things with one number would wait for each other, some
 * of them for ever. They spell "sto" and a letter.
 */
export const ADVISORY_LOCKS = {
  /** Migrations, one program at a time. */
  migrations: 0x73746f61,
  /** Whoever has an embedded database, as long as it has it. */
  embeddedOwner: 0x73746f62,
  /** The end of the chain of the audit log. */
  auditChain: 0x73746f63,
  /** The process that is the Interledger node, as long as it is. */
  ilpLeader: 0x73746f69,
  /** The process that does mirrors, retention and backups, as long as it does. */
  servicesLeader: 0x73746f6c,
  /** Members, invites and community roles. */
  membership: 0x73746f6d,
  /** What is published of members, one process at a time. */
  announcer: 0x73746f6e,
  /** The process that keeps the statistics of the observatory, as long as it does. */
  observatoryLeader: 0x73746f6f,
  /** New relays of the observatory, which get their numbers one after the other. */
  observatoryRelays: 0x73746f70,
  /** Staff roles. */
  staff: 0x73746f72,
} as const
