import { accepted, type Clock, type Outcome, refused } from '../../kernel/index.ts'
import type { LinkAnswer } from '../link.ts'
import type { IlpPrepare } from '../packet/index.ts'
import { decodeIldcpAnswer, ILDCP_DESTINATION, type IldcpAnswer } from './ildcp-packet.ts'
import { isPeerAnswer, peerRequest } from './peer-request.ts'

/** How long a parent is waited for. */
const WAIT_MS = 10_000

/**
 * Asks a parent for our address and the asset of the link. Refused with `ILDCP_UNANSWERED` when the link lost the
 * question, `ILDCP_REFUSED` when the parent said no, `ILDCP_MALFORMED` when its answer is none: whoever asks tries again
 * later, and compares the asset with that of the parent's terms (`assetOf`).
 */
export async function requestIldcp(
  send: (prepare: IlpPrepare) => Promise<LinkAnswer>,
  clock: Clock,
): Promise<Outcome<IldcpAnswer>> {
  const answer = await send(
    peerRequest({ destination: ILDCP_DESTINATION, nowMs: clock.nowMs(), waitMs: WAIT_MS }),
  )
  if (answer.type === 'lost' || answer.type === 'unsent') {
    return refused({
      code: 'ILDCP_UNANSWERED',
      text: `the parent did not tell our address: the question was ${answer.type}`,
    })
  }
  if (answer.type === 'reject') {
    return refused({ code: 'ILDCP_REFUSED', text: `the parent refused to tell our address: ${answer.code}` })
  }
  const decoded = isPeerAnswer(answer) ? decodeIldcpAnswer(answer.data) : refused('the fulfilment is wrong')
  if (decoded.ok) return accepted(decoded.value)
  return refused({
    code: 'ILDCP_MALFORMED',
    text: `the parent told our address in no readable way: ${decoded.refusal}`,
  })
}
