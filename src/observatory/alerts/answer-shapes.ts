/** What the routes of alerts and webhooks answer (`bodies.ts`), as schemas: the OpenAPI document shows them. */
import Type, { type TSchema } from 'typebox'
import { ChannelsShape, ConditionShape, RangeWord, TOPICS } from './shapes.ts'

function exactly<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

function orNull<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()])
}

const Id = Type.String()
const IsoTime = Type.String({ description: 'ISO 8601, UTC.' })
const Secret = Type.String({ description: 'Shown this once.' })

export const AlertShape = exactly({
  id: Id,
  name: Type.String(),
  range: RangeWord,
  condition: ConditionShape,
  channels: ChannelsShape,
  clear_after_seconds: Type.Integer(),
  quiet_seconds: Type.Integer(),
  is_paused: Type.Boolean(),
  created_at: IsoTime,
  state: Type.Enum(['quiet', 'firing']),
  since: IsoTime,
  is_notified: Type.Boolean(),
  last_notice_at: orNull(IsoTime),
})
export const AlertListShape = exactly({ alerts: Type.Array(AlertShape) })

export const AlertHistoryShape = exactly({
  entries: Type.Array(
    exactly({
      number: Type.String({ description: 'For `before`.' }),
      at: IsoTime,
      what: Type.String(),
      alert: orNull(Id),
      webhook: orNull(Id),
      name: Type.String(),
      text: Type.String(),
      is_notified: Type.Boolean(),
    }),
  ),
})

const webhook = {
  id: Id,
  url: Type.String(),
  topics: Type.Array(Type.Enum([...TOPICS])),
  is_enabled: Type.Boolean(),
  created_at: IsoTime,
  last_success_at: orNull(IsoTime),
  failing_since: orNull(IsoTime),
  last_failure: orNull(Type.String()),
  disabled_at: orNull(IsoTime),
  disabled_why: orNull(Type.String()),
}
export const WebhookShape = exactly(webhook)
export const WebhookListShape = exactly({ webhooks: Type.Array(WebhookShape) })
export const NewWebhookAnswerShape = exactly({ ...webhook, secret: Secret })
export const ChangedWebhookShape = exactly({ ...webhook, secret: Type.Optional(Secret) })

export const DeliveryShape = exactly({ delivery: Type.String() })
export const DoneShape = exactly({ done: Type.Literal(true) })
export const ErrorShape = exactly({ error: exactly({ code: Type.String(), message: Type.String() }) })
