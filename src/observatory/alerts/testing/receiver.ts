/** A webhook receiver on loopback, which verifies as the README says and answers as a test wants. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export interface ReceivedDelivery {
  readonly id: string
  readonly topic: string
  readonly attempt: number
  readonly signature: string
  readonly text: string
  readonly body: { readonly id: string; readonly topic: string; readonly at: string; readonly data: Facts }
}

export type Facts = Readonly<Record<string, unknown>>

/** How a request is answered: a status, or whatever the function does. */
export type Answer = number | ((response: ServerResponse, request: IncomingMessage) => void)

export interface Receiver {
  readonly url: string
  readonly received: readonly ReceivedDelivery[]
  close(): Promise<void>
}

/** @param answer is asked for each request, by how many came before it. */
export async function startReceiver(answer: (before: number) => Answer = () => 204): Promise<Receiver> {
  const received: ReceivedDelivery[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    // Whoever calls may leave in the middle of an answer, which is what some tests are about.
    response.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const before = received.length
      received.push(deliveryOf(request, Buffer.concat(chunks).toString()))
      const how = answer(before)
      if (typeof how === 'number') response.writeHead(how).end()
      else how(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function deliveryOf({ headers }: IncomingMessage, text: string): ReceivedDelivery {
  const header = (name: string) => String(headers[name] ?? '')
  return {
    id: header('stoa-delivery'),
    topic: header('stoa-topic'),
    attempt: Number(header('stoa-attempt')),
    signature: header('stoa-signature'),
    text,
    body: JSON.parse(text),
  }
}

export type IsGenuine = (header: string, body: string, secret: string, nowSeconds?: number) => boolean

/** The code that the README gives to receivers. */
export async function isGenuineOfReadme(): Promise<IsGenuine> {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [, code] = /```js\n([\s\S]+?)```/.exec(readme) ?? []
  if (code === undefined) throw new Error('the README has no code')
  const module: unknown = await import(`data:text/javascript,${encodeURIComponent(code)}`)
  return (module as { readonly isGenuine: IsGenuine }).isGenuine
}
