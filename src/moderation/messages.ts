/** What the processes of one Stoa tell each other about moderation. The bus may lose it; polling finds what was lost. */
import type { Bus, BusSubscription } from '../platform/bus/index.ts'
import type { ConnectionSelector } from '../relay/index.ts'

export type ModerationMessage =
  /** Something was decided: the lists are of this version now. */
  | { readonly do: 'read-lists'; readonly version: string }
  /** Levels that another part of the program knows have changed. */
  | { readonly do: 'read-levels' }
  | { readonly do: 'disconnect'; readonly whom: ConnectionSelector; readonly text: string }

const CHANNEL = 'moderation'

/** The part of the bus that it needs. */
export type MessageBus = Pick<Bus, 'publish' | 'subscribe' | 'onRecovered'>

export function sendMessage(bus: MessageBus, from: string, message: ModerationMessage): void {
  bus.publish(CHANNEL, Buffer.from(JSON.stringify({ from, ...message })))
}

/** Hears what the others say; what this process said itself, and what cannot be read, is passed over. */
export function hearMessages(
  bus: MessageBus,
  self: string,
  listener: (message: ModerationMessage) => void,
): BusSubscription {
  return bus.subscribe(CHANNEL, (payload) => {
    const message = parse(payload)
    if (message !== undefined && message.from !== self) listener(message)
  })
}

type SentMessage = ModerationMessage & { readonly from: string }

function parse(payload: Buffer): SentMessage | undefined {
  try {
    const message: unknown = JSON.parse(payload.toString())
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

function isMessage(value: unknown): value is SentMessage {
  if (typeof value !== 'object' || value === null || !('from' in value) || !('do' in value)) return false
  switch (value.do) {
    case 'read-lists':
      return 'version' in value && typeof value.version === 'string' && /^\d{1,18}$/.test(value.version)
    case 'read-levels':
      return true
    case 'disconnect':
      return 'text' in value && typeof value.text === 'string' && 'whom' in value && isSelector(value.whom)
    default:
      return false
  }
}

function isSelector(whom: unknown): whom is ConnectionSelector {
  if (typeof whom !== 'object' || whom === null) return false
  const values: readonly unknown[] = Object.values(whom)
  return (
    ('id' in whom || 'pubkey' in whom || 'address' in whom) &&
    values.length === 1 &&
    typeof values[0] === 'string'
  )
}
