/** The operations as OpenAPI 3.1, for the one document of the program (`/api/v1/docs/openapi.json`). */
import Type, { type TSchema } from 'typebox'
import { GraphqlRequestSchema } from './graphql/add-graphql.ts'
import type { Operation } from './http/operation.ts'
import type { Parameter } from './http/parameters.ts'
import { ErrorSchema } from './http/schemas.ts'
import { OPERATIONS } from './operations.ts'
import { API_PREFIX } from './register-observatory.ts'

export interface ApiOperation {
  readonly summary: string
  readonly description?: string
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters: readonly ApiParameter[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}

interface ApiParameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly description: string
  readonly schema: unknown
}

type Content = Readonly<Record<string, { readonly schema: TSchema }>>

/** Members of `paths` of an OpenAPI document. */
export type ApiPaths = Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>

/** Without a key, or with one: as a bearer token. */
const SECURITY = [{}, { bearer: [] }] as const

export function observatoryPaths(): ApiPaths {
  const described = OPERATIONS.filter(({ url }) => !url.endsWith('*')).map((operation) => [
    `${API_PREFIX}${operation.url.replaceAll(/:(\w+)/g, '{$1}')}`,
    { [(operation.method ?? 'GET').toLowerCase()]: describe(operation) },
  ])
  return { ...Object.fromEntries(described), ...GRAPHQL }
}

function describe(operation: Operation): ApiOperation {
  const { url, says, tag, inPath = [], body, output, contentType = 'application/json' } = operation
  const parameters: Readonly<Record<string, Parameter<unknown>>> = operation.parameters
  return {
    summary: says,
    description: limitsOf(operation),
    operationId: idOf(operation.method ?? 'GET', url),
    tags: [tag],
    security: SECURITY,
    parameters: Object.entries(parameters).map(([name, parameter]) =>
      parameterOf(
        name,
        parameter,
        inPath.some((one) => one === name),
      ),
    ),
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    responses: {
      200: { description: 'Default Response', content: { [contentType]: { schema: output } } },
      ...(operation.is === 'figures' && { 304: { description: 'What `If-None-Match` names is still so.' } }),
      '4XX': { description: 'A refusal.', content: { 'application/json': { schema: ErrorSchema } } },
    },
  }
}

const LIMITED =
  'Anybody: 100 requests in 15 minutes, unless `RateLimit-Limit` says otherwise; more with an API key.'

function limitsOf(operation: Operation): string {
  if (operation.is === 'figures') return LIMITED
  const { cost, ownLimit } = operation
  if (cost === 0) return 'Not limited.'
  if (ownLimit !== undefined) {
    return `${ownLimit} requests of an address in 15 minutes, counted apart from all others.`
  }
  return cost === 1 ? LIMITED : `${LIMITED} This counts as ${cost}.`
}

function parameterOf(name: string, { allowed, schema, fallback }: Parameter<unknown>, isInPath: boolean) {
  const simple = ['string', 'number', 'boolean'].includes(typeof fallback?.value)
  return {
    name,
    in: isInPath ? 'path' : 'query',
    required: fallback === undefined,
    description: `Must be ${allowed}.`,
    schema: simple ? { ...schema, default: fallback?.value } : schema,
  } as const
}

function idOf(method: string, url: string): string {
  const words = url.split(/[^A-Za-z]+/).filter((word) => word !== '')
  return [method.toLowerCase(), ...words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`)].join('')
}

const GRAPHQL: ApiPaths = {
  [`${API_PREFIX}/graphql`]: {
    post: {
      summary: 'The same figures by GraphQL; the schema says of itself what there is. Also by GET.',
      description: `${LIMITED} One query in a request; how deep and costly it may be is bounded.`,
      operationId: 'postGraphql',
      tags: ['statistics'],
      security: SECURITY,
      parameters: [],
      requestBody: { required: true, content: { 'application/json': { schema: GraphqlRequestSchema } } },
      responses: {
        200: {
          description: 'Default Response',
          content: {
            'application/json': {
              schema: Type.Object({
                data: Type.Optional(Type.Unknown()),
                errors: Type.Optional(Type.Array(Type.Unknown())),
              }),
            },
          },
        },
        400: { description: 'The query cannot be answered; `errors` say why.' },
      },
    },
  },
}
