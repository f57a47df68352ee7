/** The door of what tests of neighbours use: the messages of reconciliation. */

export { packetIdOf } from '../../connector/packet-id.ts'
export {
  decodeAcknowledgement,
  decodeAnswers,
  decodePacketList,
  encodeAnswers,
  encodePacketList,
} from '../messages.ts'
