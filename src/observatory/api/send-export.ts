/** Sends a file of history to whoever asked for it, as long as they take it. */
import { pipeline, type Readable, Transform } from 'node:stream'
import type { FastifyReply } from 'fastify'

export interface ExportPatience {
  /** Who takes nothing of it for so long does not want it, in milliseconds. */
  readonly idleMs: number
  /** Nobody holds a place for longer, however slowly they take it, in milliseconds. */
  readonly inAllMs: number
}

export const EXPORT_PATIENCE: ExportPatience = { idleMs: 30_000, inAllMs: 3_600_000 }

/** Sends the file, and drops the connection of who does not take it; the file is closed in every case. */
export function sendExport(reply: FastifyReply, file: Readable, patience: ExportPatience): FastifyReply {
  const response = reply.raw
  const giveUp = () => response.destroy()
  const idle = setTimeout(giveUp, patience.idleMs).unref()
  const inAll = setTimeout(giveUp, patience.inAllMs).unref()
  // A piece passes when there is room for it, so when one before has left. What the client sends us is no progress.
  const passing = new Transform({
    transform: (piece: Buffer, _encoding, done) => {
      idle.refresh()
      done(null, piece)
    },
  })
  // A file that fails ends the answer in the middle, from which the client knows that it is not whole.
  pipeline(file, passing, () => {})
  const end = () => {
    clearTimeout(idle)
    clearTimeout(inAll)
    file.destroy()
  }
  response.once('close', end)
  // Whoever has left while the file was made does not leave once more.
  if (response.destroyed) end()
  return reply.send(passing)
}
