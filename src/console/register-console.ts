/** The operator's API on the application's HTTP server, in a context of its own: other pages stay as they are. */
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { accepted } from '../kernel/index.ts'
import type { AccountsService } from './accounts-service.ts'
import { addAuthRoutes } from './auth-routes.ts'
import { readBodiesAsBytes } from './bodies.ts'
import { addDashboard } from './dashboard.ts'
import { addDocs, type FurtherPaths } from './docs/index.ts'
import { createIdentify, type IdentifyDeps } from './identify.ts'
import { addInterledgerStream } from './interledger-stream.ts'
import { addManagement } from './management-route.ts'
import { addNames } from './names-route.ts'
import { addObservatoryExport } from './observatory-export.ts'
import type { Operator } from './operator.ts'
import { CLI_PRINCIPAL } from './rights.ts'

export interface ConsoleDeps extends Omit<IdentifyDeps, 'credentials'> {
  readonly operator: Operator
  /** Undefined until the database is ready; nobody can be known before that. */
  readonly accounts: () => AccountsService | undefined
  /** The client's address, for rates: the socket's, or what a trusted proxy says. */
  readonly addressOf: (request: FastifyRequest) => string
  readonly version: string
  /** What other parts of the program answer under `/api`, for the one page of it all. */
  readonly furtherPaths?: FurtherPaths
}

/** Below it a shorter answer would not arrive any sooner. */
const COMPRESS_FROM_BYTES = 1_024
/** Addresses whose rates are remembered. */
const MAX_RATED_ADDRESSES = 50_000

/** Adds `/dashboard` with its stream, NIP-86 at `POST /`, `/api/auth`, `/api/v1/docs` and `/.well-known/nostr.json`. */
export async function registerConsole(app: FastifyInstance, deps: ConsoleDeps): Promise<void> {
  const identify = createIdentify({ ...deps, credentials: deps.accounts })
  await app.register(async (scope) => {
    plainSchemas(scope)
    readBodiesAsBytes(scope)
    await scope.register(helmet, { crossOriginResourcePolicy: { policy: 'cross-origin' } })
    // Nothing here obeys a cookie but the refresh of a session, and that cookie no other site can have sent.
    await scope.register(cors, {
      origin: '*',
      methods: ['GET', 'POST', 'OPTIONS'],
      allowedHeaders: ['Authorization', 'Content-Type', 'Accept'],
      maxAge: 600,
    })
    await scope.register(rateLimit, {
      global: false,
      cache: MAX_RATED_ADDRESSES,
      keyGenerator: deps.addressOf,
      errorResponseBuilder: (_request, { after, max }) =>
        Object.assign(new Error(`more than ${max} requests a minute; try again in ${after}`), {
          statusCode: 429,
          code: 'RATE_LIMITED',
        }),
    })
    // The tag before the compression: of a stream none can be made.
    await scope.register(etag, { weak: true })
    await scope.register(compress, { threshold: COMPRESS_FROM_BYTES })
    await scope.register(cookie)
    await addDocs(scope, deps.version, deps.furtherPaths)
    addDashboard(scope, { operator: deps.operator, identify })
    addInterledgerStream(scope, { operator: deps.operator, identify })
    addObservatoryExport(scope, { operator: deps.operator, identify })
    addManagement(scope, { operator: deps.operator, identify })
    addNames(scope, deps.operator)
    addAuthRoutes(scope, { ...deps, identify })
  })
}

/** Adds `/dashboard` alone, for whoever can reach this server at all: the command line by the admin socket. */
export async function registerAdmin(app: FastifyInstance, operator: Operator): Promise<void> {
  await app.register(async (scope) => {
    plainSchemas(scope)
    readBodiesAsBytes(scope)
    const identify = async () => accepted({ principal: CLI_PRINCIPAL, claim: async () => true })
    addDashboard(scope, { operator, identify })
    addObservatoryExport(scope, { operator, identify })
  })
}

/** Requests are read by their routes, after it is known who asks; here schemas only describe. */
function plainSchemas(scope: FastifyInstance): void {
  scope.setValidatorCompiler(() => () => true)
  scope.setSerializerCompiler(() => (value) => JSON.stringify(value))
}
