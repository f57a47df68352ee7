import { describe, expect, test } from 'vitest'
import { type AccessChange, AccessLists } from './access-lists.ts'

const ALICE = 'a1'.repeat(32)
const BOB = 'b0'.repeat(32)
const NOW_SECONDS = 1_700_000_000

function listsAfter(...changes: readonly AccessChange[]): AccessLists {
  const lists = new AccessLists()
  for (const change of changes) lists.apply(change)
  return lists
}

describe('levels', () => {
  test('nobody is anonymous with a key, and everybody without one', () => {
    const lists = new AccessLists()
    expect(lists.levelOf([], NOW_SECONDS)).toBe(0)
    expect(lists.levelOf([ALICE], NOW_SECONDS)).toBe(1)
  })

  test('of several keys the best counts', () => {
    const lists = listsAfter({ do: 'set-level', pubkey: BOB, level: 3 })
    expect(lists.levelOf([ALICE, BOB], NOW_SECONDS)).toBe(3)
  })

  test('a level ends in the second that it names', () => {
    const lists = listsAfter({ do: 'set-level', pubkey: BOB, level: 3, expiresAtSeconds: NOW_SECONDS })
    expect(lists.levelOf([BOB], NOW_SECONDS - 1)).toBe(3)
    expect(lists.levelOf([BOB], NOW_SECONDS)).toBe(1)
  })

  test('the configuration and a grant do not lower each other, and only the grant is stored', () => {
    const lists = listsAfter(
      { do: 'set-level', pubkey: ALICE, level: 3 },
      { do: 'set-level', pubkey: BOB, level: 1 },
    )
    lists.configureLevels({ members: [ALICE, BOB], trusted: [] })
    expect(lists.levelOf([ALICE], NOW_SECONDS)).toBe(3)
    expect(lists.levelOf([BOB], NOW_SECONDS)).toBe(2)
    lists.configureLevels({ members: [], trusted: [] })
    expect(lists.levelOf([BOB], NOW_SECONDS)).toBe(1)
    expect(Object.keys(lists.toJSON().levels)).toEqual([ALICE, BOB])
  })
})

describe('addresses', () => {
  const lists = listsAfter(
    { do: 'block-ip', ip: '192.0.2.7', reason: 'flood' },
    { do: 'block-ip', ip: '198.51.100.0/24', reason: '' },
    { do: 'block-ip', ip: '2001:db8:1:2::77', reason: '' },
    { do: 'block-ip', ip: '2001:db8:ff00::/40', reason: '' },
  )

  test.each([
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['198.51.100.200', true],
    ['198.51.101.1', false],
    // As `clientAddress` writes them: one customer has a whole /64.
    ['2001:db8:1:2::/64', true],
    ['2001:db8:1:3::/64', false],
    ['2001:db8:ff12:0::/64', true],
    ['', false],
    ['not an address', false],
  ])('%s is blocked: %s', (address, isBlocked) => {
    expect(lists.isBlockedIp(address)).toBe(isBlocked)
  })

  test('an address that was unblocked is free again', () => {
    lists.apply({ do: 'unblock-ip', ip: '192.0.2.7' })
    expect(lists.isBlockedIp('192.0.2.7')).toBe(false)
  })

  test('what is no address is not taken into the list', () => {
    lists.apply({ do: 'block-ip', ip: '300.1.1.1', reason: '' })
    lists.apply({ do: 'unlimit-ip', ip: '10.0.0.0/33' })
    expect(lists.toJSON().blockedIps).not.toHaveProperty('300.1.1.1')
    expect(lists.toJSON().unlimitedIps).toEqual([])
  })

  test('an unlimited range covers its addresses', () => {
    lists.apply({ do: 'unlimit-ip', ip: '10.0.0.0/8' })
    expect(lists.isUnlimitedIp('10.200.3.4')).toBe(true)
    lists.apply({ do: 'limit-ip', ip: '10.0.0.0/8' })
    expect(lists.isUnlimitedIp('10.200.3.4')).toBe(false)
  })
})

test('banning takes a key from the allowed, and allowing takes it from the banned', () => {
  const lists = listsAfter(
    { do: 'allow-pubkey', pubkey: ALICE, reason: '' },
    { do: 'ban-pubkey', pubkey: ALICE, reason: 'x' },
  )
  expect(lists.banReasonOf(ALICE)).toBe('x')
  expect(lists.isAllowedPubkey(ALICE)).toBe(false)
  lists.apply({ do: 'allow-pubkey', pubkey: ALICE, reason: '' })
  expect(lists.banReasonOf(ALICE)).toBeUndefined()
})

test('everything that was decided survives its way through JSON', () => {
  const changes: readonly AccessChange[] = [
    { do: 'ban-pubkey', pubkey: ALICE, reason: 'rude' },
    { do: 'allow-pubkey', pubkey: BOB, reason: 'friend' },
    { do: 'ban-event', id: 'e'.repeat(64), reason: '' },
    { do: 'allow-kind', kind: 1 },
    { do: 'disallow-kind', kind: 7 },
    { do: 'block-ip', ip: '192.0.2.0/24', reason: 'flood' },
    { do: 'shadow-pubkey', pubkey: BOB, reason: 'bot' },
    { do: 'set-level', pubkey: BOB, level: 4, expiresAtSeconds: NOW_SECONDS },
    { do: 'unlimit-ip', ip: '127.0.0.1' },
    { do: 'set-maintenance', maintenance: true },
    { do: 'set-max-connections', maxConnections: 7 },
    { do: 'set-information', name: 'Agora' },
  ]
  const lists = listsAfter(...changes)
  const copy = AccessLists.fromJSON(JSON.parse(JSON.stringify(lists)))
  expect(copy.toJSON()).toEqual(lists.toJSON())
  expect(copy.toJSON()).not.toEqual(new AccessLists().toJSON())
  expect(copy.isBlockedIp('192.0.2.99')).toBe(true)
  expect(copy.kindDecision(7)).toBe('denied')
  // Each change may come twice: on every thread, from the database and by a message.
  for (const change of changes) copy.apply(change)
  expect(copy.toJSON()).toEqual(lists.toJSON())
})
