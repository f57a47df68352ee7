import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { createMailer } from './create-mailer.ts'
import type { Mailer } from './mailer.ts'
import { resetMail } from './texts.ts'

const clock = createManualClock(1_800_000_000_000)
const from = 'Stoa <stoa@relay.example>'
const mail = resetMail('ann@example.org', 'the-code', { webUrl: 'https://stoa.example/' })

describe('into a folder', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'stoa-mail-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  test('a mail is a file for its owner only, with the link in it', async () => {
    await createMailer({ smtpUrl: '', from, dataDir, clock }).send(mail)
    const [name = ''] = readdirSync(join(dataDir, 'mail'))
    const text = readFileSync(join(dataDir, 'mail', name), 'utf8')
    expect(text).toContain('To: ann@example.org\r\n')
    expect(text).toContain('https://stoa.example/reset#token=the-code')
    expect(statSync(join(dataDir, 'mail', name)).mode & 0o777).toBe(0o600)
    expect(statSync(join(dataDir, 'mail')).mode & 0o777).toBe(0o700)
  })

  test('the newest two hundred are kept', async () => {
    const mailer = createMailer({ smtpUrl: '', from, dataDir, clock })
    for (let count = 0; count < 203; count += 1) {
      clock.advanceMs(1)
      await mailer.send({ ...mail, subject: `number ${count}` })
    }
    const names = readdirSync(join(dataDir, 'mail')).toSorted()
    expect(names).toHaveLength(200)
    expect(readFileSync(join(dataDir, 'mail', names[0] ?? ''), 'utf8')).toContain('Subject: number 3\r\n')
  })
})

describe('by SMTP', () => {
  let server: Server
  let mailer: Mailer
  let taken: string[]
  /** Mails that the server sends away before it takes one. */
  let refusals: number
  beforeEach(async () => {
    taken = []
    refusals = 0
    server = createServer((socket) => void converse(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    mailer = createMailer({ smtpUrl: `smtp://127.0.0.1:${port}?ignoreTLS=true`, from, dataDir: '', clock })
  })
  afterEach(() => {
    mailer.close()
    server.close()
  })

  /** As much of RFC 5321 as it takes to be handed a mail. */
  async function converse(socket: Socket): Promise<void> {
    socket.on('error', () => {})
    let data: string[] | undefined
    const say = (line: string) => socket.write(`${line}\r\n`)
    say('220 test')
    for await (const line of createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (data !== undefined && line !== '.') data.push(line)
      else if (data !== undefined) {
        taken.push(data.join('\n'))
        data = undefined
        say('250 taken')
      } else if (line === 'DATA') {
        data = []
        say('354 go on')
      } else if (line.startsWith('MAIL') && refusals > 0) {
        refusals -= 1
        say('451 <ann@example.org> greylisted, try again later')
      } else say(line === 'QUIT' ? '221 bye' : '250 fine')
    }
  }

  test('a mail arrives as it was written', async () => {
    await mailer.send(mail)
    expect(taken).toHaveLength(1)
    expect(taken[0]).toContain('From: Stoa <stoa@relay.example>')
    expect(taken[0]).toContain('To: ann@example.org')
    expect(taken[0]).toContain('https://stoa.example/reset#token=the-code')
  })

  test('a mail that is sent away is not taken for sent', async () => {
    refusals = 1
    const refusal: unknown = await mailer.send(mail).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'MAIL_REFUSED', message: expect.stringContaining('451') })
    // It goes into the log and among the failed jobs.
    expect(inspect(refusal, { depth: 9, showHidden: true })).not.toContain('ann@example.org')
    await mailer.send(mail)
    expect(taken).toHaveLength(1)
  })
})
