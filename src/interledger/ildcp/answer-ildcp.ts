import { type IlpAsset, ilpAssetOf } from '../ilp-asset.ts'
import { ILP_ERRORS, type IlpPrepare, type IlpReply, isIlpAddress } from '../packet/index.ts'
import type { PeerTerms } from '../peer.ts'
import { encodeIldcpAnswer } from './ildcp-packet.ts'
import { faultOfPeerRequest, type PeerRequestFault, peerAnswer, rejectPeerRequest } from './peer-request.ts'

/** Who asks, and on which terms. */
export type IldcpAsker = Pick<PeerTerms, 'id' | 'relation' | 'asset'>

/** The address of a child: ours, and its id. */
export function childAddress(ownAddress: string, childId: string): string {
  return `${ownAddress}.${childId}`
}

/**
 * Answers a Prepare to `peer.config`. A child is told its address and asset. Rejected: F00 who is no child, or whose
 * address would be too long, or whose packet is no such request; F03 an amount; R00 an expired packet; T00 while we have
 * no address ourselves.
 *
 * @param ownAddress undefined while our parent has not told us.
 */
export function answerIldcp(
  prepare: IlpPrepare,
  asker: IldcpAsker,
  { ownAddress, nowMs }: { readonly ownAddress: string | undefined; readonly nowMs: number },
): IlpReply {
  const fault = faultOfPeerRequest(prepare, nowMs) ?? faultOfAsker(asker, ownAddress)
  if (fault !== undefined || ownAddress === undefined) {
    return rejectPeerRequest(fault ?? NO_ADDRESS_YET, ownAddress ?? '')
  }
  const asset: IlpAsset = ilpAssetOf(asker.asset)
  return peerAnswer(encodeIldcpAnswer({ address: childAddress(ownAddress, asker.id), asset }))
}

const NO_ADDRESS_YET: PeerRequestFault = {
  code: ILP_ERRORS.INTERNAL_ERROR,
  text: 'this node has no address yet; ask again',
}

function faultOfAsker(
  { id, relation }: IldcpAsker,
  ownAddress: string | undefined,
): PeerRequestFault | undefined {
  if (relation !== 'child') {
    return { code: ILP_ERRORS.BAD_REQUEST, text: `only a child is configured, and you are a ${relation}` }
  }
  if (ownAddress === undefined) return NO_ADDRESS_YET
  if (isIlpAddress(childAddress(ownAddress, id))) return undefined
  return { code: ILP_ERRORS.BAD_REQUEST, text: 'your address would be too long' }
}
