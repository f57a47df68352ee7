/** `/dashboard/*`: the table of operations as routes. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import { parseBody } from './bodies.ts'
import { type Identify, REPLAYED } from './identify.ts'
import { OPERATIONS, type Operation, type PreparedOperation } from './operations/index.ts'
import type { Actor, Operator } from './operator.ts'
import { refusalBody, refusalHeaders, statusOf } from './refusals.ts'
import { authorize, mayJudge, type Principal } from './rights.ts'
import { ErrorShape } from './schemas.ts'

export interface DashboardDeps {
  readonly operator: Operator
  readonly identify: Identify
}

/** Requests of one address a minute. */
export const DASHBOARD_RATES = { show: 300, change: 120 } as const

export function addDashboard(app: FastifyInstance, deps: DashboardDeps): void {
  for (const operation of OPERATIONS) {
    const { path: url, isChange, input, output, says, group, need } = operation
    const inputSchema = isChange ? { body: input } : { querystring: input }
    const rights = need === 'moderate' ? 'Moderators, operators, owners.' : 'Operators, owners.'
    app.route({
      method: isChange ? 'POST' : 'GET',
      url,
      schema: {
        summary: says,
        description: rights,
        tags: [group],
        security: [{ nostr: [] }, { bearer: [] }],
        ...inputSchema,
        response: { 200: output, '4xx': ErrorShape, 503: ErrorShape },
      },
      config: {
        rateLimit: { max: isChange ? DASHBOARD_RATES.change : DASHBOARD_RATES.show, timeWindow: '1 minute' },
      },
      handler: async (request, reply) => sendOutcome(reply, await carryOut(deps, operation, request)),
    })
  }
}

/** Answers with the value, or with the refusal in the shape that all refusals have. */
export function sendOutcome(reply: FastifyReply, outcome: Outcome<unknown, Refusal>): FastifyReply {
  reply.header('cache-control', 'no-store')
  if (outcome.ok) return reply.send(outcome.value)
  const { refusal } = outcome
  return reply.code(statusOf(refusal)).headers(refusalHeaders(refusal)).send(refusalBody(refusal))
}

async function carryOut(
  { operator, identify }: DashboardDeps,
  operation: Operation,
  request: FastifyRequest,
): Promise<Outcome<unknown, Refusal>> {
  const identified = await identify(request)
  if (!identified.ok) return identified
  const { principal } = identified.value
  // A stranger learns from a wrong request no more than from a right one.
  const mayAtAll = authorize(principal, operation)
  if (!mayAtAll.ok) return mayAtAll
  const prepared = prepare(operation, request)
  if (!prepared.ok) return prepared
  const by = await authorizePrepared(operator, principal, { ...prepared.value, isChange: operation.isChange })
  if (!by.ok) return by
  if (operation.isChange && !(await identified.value.claim())) return refused(REPLAYED)
  return prepared.value.run(operator, by.value)
}

function prepare(operation: Operation, request: FastifyRequest): Outcome<PreparedOperation, Refusal> {
  const input = operation.isChange ? parseBody(request) : accepted(request.query)
  const prepared = input.ok ? operation.prepare(input.value) : input
  return prepared.ok ? prepared : refused({ code: 'INVALID', text: prepared.refusal })
}

/** Lets somebody do what they ask for. */
export async function authorizePrepared(
  operator: Operator,
  principal: Principal,
  { need, judged, isChange }: Pick<PreparedOperation, 'need' | 'judged'> & { readonly isChange: boolean },
): Promise<Outcome<Actor, Refusal>> {
  const by = authorize(principal, { need, isChange })
  if (!by.ok) return by
  for (const pubkey of judged) {
    if (!(await mayJudge(operator, by.value, pubkey)))
      return refused({ code: 'NOT_ALLOWED', text: 'a moderator may not judge operators and owners' })
  }
  return by
}
