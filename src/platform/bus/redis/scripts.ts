import type { RedisOptions, Result } from 'ioredis'

/**
 * Takes tokens from the bucket at `KEYS[1]`; ARGV: tokens a second, burst, tokens asked for. Answers whether they were
 * taken, and how many are missing (a text, since Redis would cut the fraction off). The clock is Redis's own, so that
 * processes whose clocks differ agree. A bucket that would be full again says nothing and vanishes.
 */
const TAKE_TOKEN = `
local per_ms = tonumber(ARGV[1]) / 1000
local burst = tonumber(ARGV[2])
local asked = tonumber(ARGV[3])
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local state = redis.call('HMGET', KEYS[1], 'tokens', 'filled_at_ms')
local tokens = tonumber(state[1]) or burst
local filled_at_ms = tonumber(state[2]) or now_ms
tokens = math.min(burst, tokens + math.max(0, now_ms - filled_at_ms) * per_ms)
local is_allowed = tokens >= asked
local missing = asked - tokens
if is_allowed then
  tokens = tokens - asked
  missing = 0
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'filled_at_ms', string.format('%.0f', now_ms))
local full_in_ms = math.min(1e13, math.ceil((burst - tokens) / per_ms) + 1)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', full_in_ms))
return { is_allowed and 1 or 0, tostring(missing) }
`

export const scripts: NonNullable<RedisOptions['scripts']> = {
  stoaTakeToken: { lua: TAKE_TOKEN, numberOfKeys: 1 },
}

declare module 'ioredis' {
  interface RedisCommander<Context> {
    stoaTakeToken(
      key: string,
      perSecond: number,
      burst: number,
      tokens: number,
    ): Result<[isAllowed: 0 | 1, missing: string], Context>
  }
}
