/** Something about the store that an operator should read. */
export interface StoreNotice {
  /** Constant name of what happened, as in all logs. */
  readonly event: `store.${string}`
  readonly level: 'info' | 'warn' | 'error'
  readonly facts: Readonly<Record<string, string | number | boolean>>
}

/** A part of a file that does not hold what was written there. */
export interface DamagedRange {
  readonly file: string
  /** In bytes from the start of the file. */
  readonly from: number
  readonly to: number
}

/** Tells the operator which bytes of a segment are lost. */
export function reportDamage(notify: (notice: StoreNotice) => void, { file, from, to }: DamagedRange): void {
  notify({
    event: 'store.damage_skipped',
    level: 'error',
    facts: {
      file,
      fromByte: from,
      toByte: to,
      meaning: 'these bytes are no readable records; everything before and behind them is kept',
    },
  })
}
