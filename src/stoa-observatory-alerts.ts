/** Alerts, and the ways that they reach people: mails, direct messages, webhooks. */
import { hash } from 'node:crypto'
import { createMailer } from './accounts/index.ts'
import type { Config } from './config/index.ts'
import { systemClock } from './kernel/index.ts'
import { type Alerts, openAlerts } from './observatory/alerts/index.ts'
import type { Database } from './platform/database/index.ts'
import type { Logger } from './platform/index.ts'
import type { Jobs } from './platform/jobs/index.ts'
import { createSecretBox, type Keyring, type SecretBox, type Signer } from './signer/index.ts'
import type { Endings } from './stoa-endings.ts'
import { alertMessages } from './stoa-observatory-messages.ts'
import type { Office } from './stoa-office.ts'
import type { RelayUnit } from './stoa-relay.ts'

export interface AlertsDeps {
  readonly config: () => Pick<Config, 'accounts' | 'observatory' | 'process'>
  readonly office: Pick<Office, 'people'>
  readonly unit: () => RelayUnit
  readonly relaySigner: Signer
  readonly keyring: Pick<Keyring, 'agreementFor'>
  readonly dataDir: string
  readonly logger: Logger
}

/** Leaves nothing open when it fails. */
export async function startAlerts(
  { db }: Database,
  jobs: Jobs,
  deps: AlertsDeps,
  endings: Endings,
): Promise<Alerts> {
  const { config, office, unit, relaySigner, keyring, dataDir, logger } = deps
  const secrets = await ownSecret(keyring, relaySigner)
  const sendDirectMessage = await alertMessages({ keyring, signer: relaySigner, unit })
  const { smtpUrl, mailFrom } = config().accounts
  const mailer = createMailer({ smtpUrl, from: mailFrom, dataDir, clock: systemClock })
  try {
    const alerts = await openAlerts({
      db,
      jobs,
      clock: systemClock,
      logger,
      secrets,
      sends: config().process.roles.includes('jobs'),
      sendMail: (mail) => mailer.send(mail),
      emailOf: async (pubkey) => office.people()?.accounts.emailOf(pubkey),
      sendDirectMessage,
      fetching: { allowsPrivateAddresses: config().observatory.allowPrivate },
    })
    endings.add(() => mailer.close())
    endings.add(() => alerts.stop())
    return alerts
  } catch (error) {
    mailer.close()
    throw error
  }
}

/** Known to whoever has the relay's key, and to nobody else: what that key agrees on with itself. */
async function ownSecret(keyring: Pick<Keyring, 'agreementFor'>, { publicKey }: Signer): Promise<SecretBox> {
  const agreement = await keyring.agreementFor('relay')
  return createSecretBox(hash('sha256', await agreement.sharedSecretWith(publicKey), 'buffer'))
}
