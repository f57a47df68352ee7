/**
 * What a connection is worth to the relay, by the best key that it has proved to hold: 0 anonymous (none), 1 stranger
 * (a key that nobody knows here), 2 member, 3 subscriber, 4 trusted. A minimum of 0 lets everybody in.
 */
export type AuthLevel = 0 | 1 | 2 | 3 | 4

export const AUTH_LEVELS = {
  ANONYMOUS: 0,
  STRANGER: 1,
  MEMBER: 2,
  SUBSCRIBER: 3,
  TRUSTED: 4,
} as const satisfies Record<string, AuthLevel>

export const AUTH_LEVEL_NAMES = ['anonymous', 'stranger', 'member', 'subscriber', 'trusted'] as const

export function isAuthLevel(value: unknown): value is AuthLevel {
  return value === 0 || value === 1 || value === 2 || value === 3 || value === 4
}
