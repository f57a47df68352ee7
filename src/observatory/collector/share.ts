import { hash } from 'node:crypto'

/**
 * Is this relay ours to read? Each relay belongs to the member with the highest hash of both names (rendezvous hashing),
 * so a member that comes or goes moves only the relays that become its, or were its. Nobody but us: ours.
 */
export function shareOf(url: string, members: readonly string[], self: string): boolean {
  return ownerOf(url, members) === self || members.length === 0
}

/** Whom a relay belongs to; undefined without members. The order of members makes no difference. */
export function ownerOf(url: string, members: readonly string[]): string | undefined {
  let owner: string | undefined
  let highest = ''
  for (const member of members) {
    const weight = hash('sha256', `${member}\n${url}`, 'hex')
    if (owner === undefined || weight > highest || (weight === highest && member > owner)) {
      owner = member
      highest = weight
    }
  }
  return owner
}
