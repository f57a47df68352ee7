/** The routes of alerts and webhooks as OpenAPI 3.1, for the one document of the program (`/api/v1/docs/openapi.json`). */
import Type, { type TSchema } from 'typebox'
import { ErrorShape } from './answer-shapes.ts'
import { ALERT_ROUTES, ALERTS_PATH, type AnyAlertRoute, WEBHOOKS_PATH } from './routes.ts'

interface AlertOperation {
  readonly summary: string
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters: readonly AlertParameter[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Content }>>
}

interface AlertParameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly description: string
  readonly schema: TSchema
}

type Content = Readonly<Record<string, { readonly schema: TSchema }>>

/** Members of `paths` of an OpenAPI document. */
export type AlertPaths = Readonly<Record<string, Readonly<Record<string, AlertOperation>>>>

const OWNER = inQuery('owner', 'operator: what the operator has set up; only for operators.')
const OF_HISTORY = [
  inQuery('limit', 'Entries, 1 to 500.'),
  inQuery('before', 'The number of an entry: those before it.'),
  inQuery('alert', 'The id of an alert: what that one did.'),
]

export function alertPaths(): AlertPaths {
  const paths: Record<string, Record<string, AlertOperation>> = {}
  for (const route of ALERT_ROUTES) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(route) }
  }
  return paths
}

function describe({ method, url, says, input, status, output }: AnyAlertRoute): AlertOperation {
  return {
    summary: says,
    operationId: idOf(method, url),
    tags: [url.startsWith(WEBHOOKS_PATH) ? 'webhooks' : 'alerts'],
    security: [{ nostr: [] }, { bearer: [] }],
    parameters: [
      ...(url.includes(':id') ? [ID] : []),
      OWNER,
      ...(url === `${ALERTS_PATH}/history` ? OF_HISTORY : []),
    ],
    ...(input !== undefined && { requestBody: { required: true, content: json(input) } }),
    responses: {
      [status ?? 200]: { description: 'Default Response', content: json(output) },
      '4XX': { description: 'A refusal.', content: json(ErrorShape) },
      503: { description: 'Not ready yet.', content: json(ErrorShape) },
    },
  }
}

const ID: AlertParameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'As the list has it.',
  schema: Type.String(),
}

function inQuery(name: string, description: string): AlertParameter {
  return { name, in: 'query', required: false, description, schema: Type.String() }
}

function json(schema: TSchema): Content {
  return { 'application/json': { schema } }
}

function idOf(method: string, url: string): string {
  const words = url.replace('/api/v1/stats/', '').split(/[^a-z]+/)
  return [method.toLowerCase(), ...words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`)].join('')
}
