import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Link, LinkAnswer } from '../../link.ts'
import { decodePreparePacket, encodeIlpPacket, type IlpPrepare, type IlpReply } from '../../packet/index.ts'

export type Answer = (prepare: IlpPrepare) => LinkAnswer | Promise<LinkAnswer>

/** A link within the process. Packets are encoded and decoded, as on a wire; what becomes of them the test says. */
export class TestLink implements Link {
  readonly kind = 'local'
  isConnected = true
  /** Everything that was sent. */
  readonly sent: IlpPrepare[] = []
  answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }

  async send(prepare: IlpPrepare): Promise<LinkAnswer> {
    const received = decodePreparePacket(encodeIlpPacket(prepare))
    if (!received.ok) throw new Error(received.refusal)
    this.sent.push(received.value)
    await nextTurn()
    return this.answer(received.value)
  }

  ask(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  close(): Promise<void> {
    this.isConnected = false
    return Promise.resolve()
  }
}

/** An answer that the test gives later. */
export function deferred<T = IlpReply>(): {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
} {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
