import type { SharedSeen } from './shared-seen.ts'

/** An event whose id is right and whose signature nobody has looked at. */
export interface Asked {
  readonly event: { readonly id: string }
}

/** How long an event waits for others to be asked about with it, and how many go together. */
const GATHER_MS = 5
const MAX_TOGETHER = 512

export interface AskingOptions<T extends Asked> {
  readonly shared: SharedSeen
  readonly maxWaiting: number
  /** Called once for each event, with whether another collector has verified it. */
  readonly decide: (asked: T, isKnown: boolean) => void
}

/** Asks the shared table about events, many at once. Whatever is not answered is not known. */
export class Asking<T extends Asked> {
  readonly #options: AskingOptions<T>
  #gathered: T[] = []
  #verified: string[] = []
  #timer: NodeJS.Timeout | undefined
  readonly #underWay = new Set<Promise<void>>()
  #waiting = 0

  constructor(options: AskingOptions<T>) {
    this.#options = options
  }

  get isFull(): boolean {
    return this.#waiting >= this.#options.maxWaiting
  }

  ask(asked: T): void {
    this.#gathered.push(asked)
    this.#waiting++
    this.#arrange()
  }

  /** Others need not verify this one again. */
  tell(id: string): void {
    this.#verified.push(id)
    this.#arrange()
  }

  /** Resolves when everything asked until now is decided; undefined when nothing waits. */
  settled(): Promise<void> | undefined {
    this.#go()
    return this.#underWay.size === 0 ? undefined : Promise.all(this.#underWay).then(() => {})
  }

  #arrange(): void {
    if (this.#gathered.length >= MAX_TOGETHER || this.#verified.length >= MAX_TOGETHER) this.#go()
    else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#go(), GATHER_MS)
      this.#timer.unref()
    }
  }

  #go(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#verified.length > 0) this.#options.shared.add(this.#verified)
    this.#verified = []
    if (this.#gathered.length === 0) return
    const together = this.#gathered
    this.#gathered = []
    const asking = this.#decide(together).finally(() => this.#underWay.delete(asking))
    this.#underWay.add(asking)
  }

  async #decide(together: readonly T[]): Promise<void> {
    const known = await this.#ask(together)
    this.#waiting -= together.length
    for (const [index, asked] of together.entries()) this.#options.decide(asked, known?.[index] === true)
  }

  async #ask(together: readonly T[]): Promise<readonly boolean[] | undefined> {
    try {
      return await this.#options.shared.knownOf(together.map(({ event }) => event.id))
    } catch {
      // Verified here, as without a shared table.
      return undefined
    }
  }
}
