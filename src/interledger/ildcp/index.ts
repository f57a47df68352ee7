/** The door of dynamic configuration: a parent tells a child its address and asset (RFC-0031). */
export { answerIldcp, childAddress, type IldcpAsker } from './answer-ildcp.ts'
export {
  decodeIldcpAnswer,
  encodeIldcpAnswer,
  ILDCP_DESTINATION,
  type IldcpAnswer,
} from './ildcp-packet.ts'
export {
  faultOfPeerRequest,
  isPeerAnswer,
  type PeerRequestFault,
  peerAnswer,
  peerRequest,
  rejectPeerRequest,
} from './peer-request.ts'
export { requestIldcp } from './request-ildcp.ts'
