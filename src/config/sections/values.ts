/** Kinds of values that several settings have. */
import { z } from 'zod'

export const MIB = 1024 * 1024
export const GIB = 1024 * MIB
export const hexKey = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a public key as 64 lowercase hex characters')
export const noValue = z.literal('')
export const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
export const relayUrl = z.url({ protocol: /^wss?$/, error: 'must be a ws:// or wss:// URL' })
export const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })
export const ipRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'must be an IP address or a range like 10.0.0.0/8',
})
export const count = z.int().min(0)
export const atLeastOne = z.int().min(1)
export const kindNumber = z.int().min(0).max(65_535)
export const kindRange = z.union([kindNumber, z.string().regex(/^\d{1,5}-\d{1,5}$/)], {
  error: 'must be a kind from 0 to 65535 or a range like "23194-23197"',
})
export const kindRanges = z.array(kindRange).readonly()
export const keys = z.array(hexKey).readonly()
export const level = z.int().min(0).max(4)
export const action = z.enum(['refuse', 'pretend', 'hold'])
export const fallback = z.enum(['accept', 'refuse'])
