/** Something about the store that an operator should read. */
export interface PostgresNotice {
  /** Constant name of what happened, as in all logs. */
  readonly event: `store.${string}`
  readonly level: 'info' | 'warn' | 'error'
  readonly facts: Readonly<Record<string, string | number | boolean>>
}
