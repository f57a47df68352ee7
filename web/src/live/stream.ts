import type { LiveMessage, RangeName } from '../api/bodies.ts'
import { RANGES } from '../api/ranges.ts'

export interface StreamDeps {
  readonly range: RangeName
  readonly topics: readonly LiveMessage['topic'][]
  readonly onMessage: (message: LiveMessage) => void
  readonly onOpen: () => void
  /** It is closed and stays closed; why, a browser does not say. */
  readonly onLost: () => void
}

/** Losses in a row that the browser may mend by itself before we do without. */
const MAX_LOSSES = 3

/** Listens to what changes. Returns how to stop. */
export function openStream({ range, topics, onMessage, onOpen, onLost }: StreamDeps): () => void {
  const source = new EventSource(`/api/v1/stats/stream?topics=${topics.join(',')}&range=${range}`)
  let losses = 0
  const take = (event: MessageEvent<string>) => {
    const message = readMessage(event.data)
    if (message?.range === range) onMessage(message)
  }
  source.addEventListener('message', take)
  for (const topic of topics) source.addEventListener(topic, take)
  source.addEventListener('open', () => {
    losses = 0
    onOpen()
  })
  source.addEventListener('error', () => {
    losses += 1
    if (source.readyState !== EventSource.CLOSED && losses < MAX_LOSSES) return
    source.close()
    onLost()
  })
  return () => source.close()
}

function readMessage(text: string): LiveMessage | undefined {
  try {
    const message: unknown = JSON.parse(text)
    return isLiveMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

function isLiveMessage(value: unknown): value is LiveMessage {
  if (typeof value !== 'object' || value === null) return false
  return (
    'topic' in value && 'data' in value && 'range' in value && RANGES.some((range) => range === value.range)
  )
}
