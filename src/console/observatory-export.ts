/** `/dashboard/observatory/export`: history as a file, sent as it is read. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type Outcome, type Refusal, refused } from '../kernel/index.ts'
import { DASHBOARD_RATES, type DashboardDeps, sendOutcome } from './dashboard.ts'
import { HISTORY_FORMATS, HISTORY_SUBJECTS, type HistoryQuery } from './observatory-desk.ts'
import type { Operator } from './operator.ts'
import { outcomeOf, UNAVAILABLE } from './refusals.ts'
import { authorize } from './rights.ts'
import { ErrorShape, exactly, oneOf, Seconds } from './schemas.ts'
import { queryReader } from './shape.ts'

const QueryShape = exactly({
  what: oneOf(HISTORY_SUBJECTS),
  format: Type.Optional(oneOf(HISTORY_FORMATS)),
  sinceSeconds: Type.Optional(Seconds),
  untilSeconds: Type.Optional(Seconds),
})
const readQuery = queryReader(QueryShape)

const CONTENT_TYPES: Readonly<Record<HistoryQuery['format'], string>> = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
}

export function addObservatoryExport(app: FastifyInstance, { operator, identify }: DashboardDeps): void {
  app.route({
    method: 'GET',
    url: '/dashboard/observatory/export',
    schema: {
      summary: 'History of the observatory as CSV, JSON or Parquet; all of it unless a time says otherwise.',
      description: 'Operators, owners.',
      tags: ['observatory'],
      security: [{ nostr: [] }, { bearer: [] }],
      querystring: QueryShape,
      response: { '4xx': ErrorShape, 503: ErrorShape },
    },
    config: { rateLimit: { max: DASHBOARD_RATES.show, timeWindow: '1 minute' } },
    handler: async (request, reply) => {
      const identified = await identify(request)
      if (!identified.ok) return sendOutcome(reply, identified)
      const allowed = authorize(identified.value.principal, { need: 'operate', isChange: false })
      if (!allowed.ok) return sendOutcome(reply, allowed)
      const query = readQuery(request.query)
      if (!query.ok) return sendOutcome(reply, refused({ code: 'INVALID', text: query.refusal }))
      const { format = 'csv', ...rest } = query.value
      const file = await outcomeOf(exportBy(operator, { ...rest, format }))
      if (!file.ok) return sendOutcome(reply, file)
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="${rest.what}.${format}"`)
        .type(CONTENT_TYPES[format])
        .send(file.value)
    },
  })
}

async function exportBy(
  operator: Operator,
  query: HistoryQuery,
): Promise<Outcome<NodeJS.ReadableStream, Refusal>> {
  const desk = operator.observatory()
  return desk === undefined ? refused(UNAVAILABLE) : desk.exportHistory(query)
}
