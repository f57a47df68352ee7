/** What tests of the bus, and of parts that use it, share. */
export { eventually } from './eventually.ts'
export { granted } from './granted.ts'
export { isRedisInstalled, startTestRedis, type TestRedis, type TestRedisOptions } from './redis-server.ts'
