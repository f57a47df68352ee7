import { describe, expect, test } from 'vitest'
import { AppError } from '../kernel/index.ts'
import { createLogger, type LoggingOptions } from './logging.ts'

const NSEC = `nsec1${'q'.repeat(58)}`
const PLANTED = 'planted-secret-value'

function logged(options: Partial<LoggingOptions> = {}) {
  const lines: string[] = []
  const log = createLogger(
    { level: 'info', format: 'json', ...options },
    { write: (line) => lines.push(line) },
  )
  return { log, lines }
}

describe('a line', () => {
  test('is an event name with fields, and nothing of the machine', () => {
    const { log, lines } = logged()
    log.info({ port: 7777 }, 'relay.started')
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 30,
      time: expect.any(Number),
      event: 'relay.started',
      port: 7777,
    })
  })

  test('below the level is not written, until the level is lowered', () => {
    const { log, lines } = logged()
    log.debug('quiet')
    log.level = 'debug'
    log.debug('loud')
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['loud'])
  })

  test('for people is one line with time, level, name and fields', () => {
    const { log, lines } = logged({ format: 'pretty' })
    log.warn({ port: 7777, name: 'two words', part: 'relay' }, 'relay.started')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}relay\.started port=7777 name="two words" part=relay\n$/,
    )
  })

  test('for people shows an error with its causes', () => {
    const { log, lines } = logged({ format: 'pretty' })
    const cause = new Error('disk full')
    log.error({ err: new AppError('STORE_WRITE_FAILED', 'cannot write', { cause }) }, 'store.failed')
    expect(lines[0]).toMatch(
      /store\.failed\n {4}AppError: cannot write\n(.|\n)*caused by:\n {4}Error: disk full/,
    )
  })
})

describe('secrets', () => {
  test.each([
    'secret',
    'token',
    'password',
    'authorization',
    'privateKey',
    'nsec',
    'accessToken',
    'Authorization',
    'private_key',
    'set-cookie',
  ])('a field named %s is never written, at any depth', (name) => {
    const { log, lines } = logged()
    log.info({ [name]: PLANTED, request: { headers: [{ [name]: PLANTED }] } }, 'a')
    log.child({ [name]: PLANTED }).info('b')
    log.error({ err: Object.assign(new Error('x'), { [name]: PLANTED }) }, 'c')
    expect(lines).toHaveLength(3)
    expect(lines.join('')).not.toContain(PLANTED)
    expect(lines.join('')).toContain('[redacted]')
  })

  test('a private key is taken out of any text', () => {
    const { log, lines } = logged()
    log.info({ note: `my key ${NSEC}.`, deep: [{ text: NSEC }] }, 'a')
    log.info(`b ${NSEC}`)
    log.error(new Error(`c ${NSEC}`))
    log.error({ err: new Error('d', { cause: new Error(NSEC) }) }, 'd')
    expect(lines).toHaveLength(4)
    expect(lines.join('')).not.toContain(NSEC)
    expect(JSON.parse(lines[0] ?? '').note).toBe('my key [redacted].')
  })

  test('bytes are shown by their length, and what goes round in circles ends', () => {
    const { log, lines } = logged()
    const circle: Record<string, unknown> = {}
    circle.self = circle
    log.info({ frame: Buffer.from(PLANTED), circle, amountMsat: 5n }, 'a')
    expect(lines[0]).not.toContain(PLANTED)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ frame: '[20 bytes]', amountMsat: '5' })
  })
})
