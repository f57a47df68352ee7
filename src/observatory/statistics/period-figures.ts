/** Figures of the network for one hour, one day or all time. */
import type { StateReader, StateWriter } from './state-bytes.ts'

export class PeriodFigures {
  events = 0
  /** Distinct authors; only days count them here. */
  users = 0
  tagged = 0
  zaps = 0
  zapMsat = 0n
  checkedZaps = 0
  checkedMsat = 0n

  write(writer: StateWriter): void {
    for (const value of [this.events, this.users, this.tagged, this.zaps, this.checkedZaps]) writer.f64(value)
    // Sums of 64-bit amounts can be larger than 64 bits.
    writer.text(String(this.zapMsat))
    writer.text(String(this.checkedMsat))
  }

  static read(reader: StateReader): PeriodFigures {
    const figures = new PeriodFigures()
    figures.events = reader.f64()
    figures.users = reader.f64()
    figures.tagged = reader.f64()
    figures.zaps = reader.f64()
    figures.checkedZaps = reader.f64()
    figures.zapMsat = BigInt(reader.text())
    figures.checkedMsat = BigInt(reader.text())
    return figures
  }

  addZap(msat: bigint, isChecked: boolean): void {
    this.zaps += 1
    this.zapMsat += msat
    if (!isChecked) return
    this.checkedZaps += 1
    this.checkedMsat += msat
  }

  addAll(other: PeriodFigures): void {
    this.events += other.events
    this.tagged += other.tagged
    this.zaps += other.zaps
    this.zapMsat += other.zapMsat
    this.checkedZaps += other.checkedZaps
    this.checkedMsat += other.checkedMsat
  }
}
