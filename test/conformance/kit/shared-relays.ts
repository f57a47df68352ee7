/** Relays that rows share: to start one for each row takes most of a run. */
import type { ControlledRelay, RelayControl } from './control.ts'
import type { Need, Row } from './row.ts'

export class SharedRelays {
  readonly #control: RelayControl | undefined
  /** Rows that have not ended yet, by what they need. */
  readonly #rowsLeft = new Map<Need, number>()
  readonly #relays = new Map<Need, Promise<ControlledRelay | undefined>>()

  constructor(rows: readonly Row[], control: RelayControl | undefined) {
    this.#control = control
    for (const { needs } of rows)
      if (needs?.isShared === true) this.#rowsLeft.set(needs, (this.#rowsLeft.get(needs) ?? 0) + 1)
  }

  /** The relay of this need, started by the first row that asks; a relay of its own for a need that is not shared. */
  async start(need: Need): Promise<ControlledRelay | undefined> {
    const start = async () => this.#control?.startWith(need.settings)
    if (need.isShared !== true) return start()
    const relay = this.#relays.get(need) ?? start()
    this.#relays.set(need, relay)
    return relay
  }

  /** To be called once for each row, when it has ended: the last of those that share a relay stops it. */
  async leave({ needs }: Row, relay: ControlledRelay | undefined): Promise<void> {
    if (needs?.isShared !== true) {
      await relay?.stop()
      return
    }
    const left = (this.#rowsLeft.get(needs) ?? 1) - 1
    this.#rowsLeft.set(needs, left)
    if (left > 0) return
    // The rows have said already that it could not be started.
    const shared = await this.#relays.get(needs)?.catch(() => undefined)
    await shared?.stop()
  }
}
