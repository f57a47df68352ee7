/** NIP-42 from the client's side. */
import type { Client, Message, Ok } from './client.ts'
import type { Draft, WireEvent } from './event.ts'
import type { Key } from './keys.ts'
import { signEvent } from './sign.ts'
import type { Trial } from './trial.ts'
import { fail } from './verdict.ts'

/** How long a relay may take to send a challenge that nothing asked for. */
const UNPROMPTED_MS = 400

/** The current challenge of a connection, provoked by a protected event and a private REQ when none came by itself. */
export async function challengeOf(t: Trial, client: Client): Promise<string | undefined> {
  await client.until(() => latestChallenge(client) !== undefined, UNPROMPTED_MS)
  if (latestChallenge(client) === undefined) await provokeChallenge(t, client)
  return latestChallenge(client)
}

/** As `challengeOf`; a relay without a challenge fails the row. */
export async function needChallenge(t: Trial, client: Client): Promise<string> {
  return (
    (await challengeOf(t, client)) ?? fail('the relay sent no ["AUTH", challenge], not even before a refusal')
  )
}

/** The AUTH event of NIP-42, with what `draft` replaces. Never mined: AUTH is exempt from proof of work. */
export function authEvent(t: Trial, key: Key, challenge: string, draft: Partial<Draft> = {}): WireEvent {
  const tags = [
    ['relay', t.relayUrl],
    ['challenge', challenge],
  ]
  return signEvent(key, { kind: 22242, created_at: t.now(), tags, content: '', ...draft })
}

/** Sends AUTH and returns the OK. */
export async function sendAuth(client: Client, event: WireEvent): Promise<Ok> {
  client.send(['AUTH', event])
  return client.okFor(event.id)
}

/** Authenticates `client` as `key`; a refusal fails the row. */
export async function authenticate(t: Trial, client: Client, key: Key): Promise<void> {
  const challenge = await needChallenge(t, client)
  const { isAccepted, text } = await sendAuth(client, authEvent(t, key, challenge))
  if (!isAccepted) fail(`${client.name}: a valid AUTH was refused with "${text}"`)
}

/** A connection that has proved `key`, and no other. */
export async function connectAs(t: Trial, key: Key): Promise<Client> {
  const client = await t.connect({ auth: false })
  await authenticate(t, client, key)
  return client
}

/** An event that only its authenticated author may publish (NIP-70): the touchstone of who is authenticated. */
export function protectedEvent(t: Trial, key: Key, draft: Partial<Draft> = {}): WireEvent {
  return t.event(key, { tags: [['-']], ...draft })
}

function latestChallenge(client: Client): string | undefined {
  const challenge = client.received.findLast((frame) => isChallenge(frame.message))?.message?.[1]
  return typeof challenge === 'string' ? challenge : undefined
}

function isChallenge(message: Message | undefined): boolean {
  return message?.[0] === 'AUTH' && typeof message[1] === 'string'
}

async function provokeChallenge(t: Trial, client: Client): Promise<void> {
  const stranger = t.key()
  await client.publish(protectedEvent(t, stranger))
  await client.request({ kinds: [1059], '#p': [stranger.pubkey], limit: 1 })
}
