/** Rules and webhooks as they come in over HTTP and lie in the database. */
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { RANGES, type Range } from '../ranges.ts'

function exactly<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

function oneOf<const T extends readonly string[]>(words: T) {
  return Type.Unsafe<T[number]>(Type.Enum([...words]))
}

/** What webhooks can be told of. */
export const TOPICS = ['snapshot', 'relay.discovered', 'relay.down', 'relay.up', 'alert'] as const
export type Topic = (typeof TOPICS)[number]

const FigurePath = Type.String({
  minLength: 1,
  maxLength: 600,
  description: 'Like events, or relays[wss://relay.example].healthScore.',
})
const RelayAddress = Type.String({ minLength: 6, maxLength: 500 })
/** A week at most: so long figures are remembered. */
const ChangeMinutes = Type.Integer({ minimum: 5, maximum: 10_080 })
const RelayMinutes = Type.Integer({ minimum: 0, maximum: 1_440 })

const CONDITION_SHAPES = {
  threshold: exactly({
    type: Type.Literal('threshold'),
    figure: FigurePath,
    is: oneOf(['above', 'below']),
    value: Type.Number(),
  }),
  change: exactly({
    type: Type.Literal('change'),
    figure: FigurePath,
    direction: oneOf(['up', 'down', 'any']),
    percent: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
    minutes: ChangeMinutes,
  }),
  'relay-down': exactly({ type: Type.Literal('relay-down'), relay: RelayAddress, minutes: RelayMinutes }),
  'relay-up': exactly({ type: Type.Literal('relay-up'), relay: RelayAddress, minutes: RelayMinutes }),
  'relay-slow': exactly({
    type: Type.Literal('relay-slow'),
    relay: RelayAddress,
    ms: Type.Number({ minimum: 1, maximum: 600_000, description: 'The 95th percentile is above it.' }),
  }),
}

export const ConditionShape = Type.Union([
  CONDITION_SHAPES.threshold,
  CONDITION_SHAPES.change,
  CONDITION_SHAPES['relay-down'],
  CONDITION_SHAPES['relay-up'],
  CONDITION_SHAPES['relay-slow'],
])
export type AlertCondition = Static<typeof ConditionShape>

export const ChannelShape = Type.Union([
  exactly({ type: Type.Literal('webhook'), webhook: Type.String({ minLength: 1, maxLength: 64 }) }),
  exactly({
    type: Type.Literal('email'),
    to: Type.Optional(Type.String({ minLength: 3, maxLength: 254, description: 'Only for the operator.' })),
  }),
  exactly({
    type: Type.Literal('nostr'),
    pubkey: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Only for the operator.' })),
  }),
])
export type AlertChannel = Static<typeof ChannelShape>

const Name = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f]+$' })
export const RangeWord = Type.Unsafe<Range>(Type.Enum([...RANGES]))
const Channels = Type.Array(ChannelShape, {
  maxItems: 5,
  description: 'May be empty: then your webhooks for alerts are told, and the history.',
})
const ClearAfterSeconds = Type.Integer({
  minimum: 30,
  maximum: 86_400,
  description: 'It clears after it was false for so long. Default 300.',
})
const QuietSeconds = Type.Integer({
  minimum: 60,
  maximum: 604_800,
  description: 'At least so long between two notices that it fires. Default 3600.',
})

const optionalRuleMembers = {
  clear_after_seconds: Type.Optional(ClearAfterSeconds),
  quiet_seconds: Type.Optional(QuietSeconds),
  is_paused: Type.Optional(Type.Boolean()),
}

export const NewRuleShape = exactly({
  name: Name,
  range: RangeWord,
  condition: ConditionShape,
  channels: Channels,
  ...optionalRuleMembers,
})

export const RuleChangeShape = exactly({
  name: Type.Optional(Name),
  range: Type.Optional(RangeWord),
  condition: Type.Optional(ConditionShape),
  channels: Type.Optional(Channels),
  ...optionalRuleMembers,
})

const WebhookAddress = Type.String({ minLength: 8, maxLength: 2_000 })
const Topics = Type.Array(oneOf(TOPICS), {
  maxItems: TOPICS.length,
  uniqueItems: true,
  description: 'May be empty: then it is for the rules that name it.',
})

export const NewWebhookShape = exactly({ url: WebhookAddress, topics: Topics })

export const WebhookChangeShape = exactly({
  url: Type.Optional(WebhookAddress),
  topics: Type.Optional(Topics),
  is_enabled: Type.Optional(Type.Boolean()),
  new_secret: Type.Optional(Type.Literal(true)),
})

export const ChannelsShape = Channels

/** Reads an unknown value as what a schema describes; the refusal is a sentence for whoever sent it. */
export function readerOf<S extends TSchema>(schema: S): (value: unknown) => Outcome<Static<S>, string> {
  // Compiled when it is first needed.
  let check: ReturnType<typeof Compile> | undefined
  return (value) => {
    check ??= Compile(schema)
    // What passes the check is what the schema describes, which is what `Static` says.
    if (check.Check(value)) return accepted(value as Static<S>)
    return refused(mistakesIn(check.Errors(value)))
  }
}

/** As `readerOf`, for what holds a `condition`: of that the refusal says what its kind of condition lacks. */
export function ruleReaderOf<S extends TSchema>(schema: S): (value: unknown) => Outcome<Static<S>, string> {
  const read = readerOf(schema)
  const byType = new Map<unknown, (value: unknown) => Outcome<unknown, string>>(
    Object.entries(CONDITION_SHAPES).map(([type, shape]) => [type, readerOf(shape)]),
  )
  return (value) => {
    const whole = read(value)
    const condition = memberOf(value, 'condition')
    if (whole.ok || condition === undefined) return whole
    const exactly = byType.get(memberOf(condition, 'type'))
    if (exactly === undefined)
      return refused(`condition.type must be one of ${[...byType.keys()].join(', ')}`)
    const part = exactly(condition)
    return part.ok ? whole : refused(`condition: ${part.refusal}`)
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

interface Mistake {
  readonly keyword: string
  readonly instancePath: string
  readonly schemaPath: string
  readonly message: string
}

const MAX_SHOWN = 3

function mistakesIn(mistakes: readonly Mistake[]): string {
  // Where one of several shapes is asked for, what each of them misses says less than that none fits.
  const unfit = mistakes.find(
    ({ keyword, schemaPath }) => keyword === 'anyOf' || schemaPath.includes('/anyOf/'),
  )
  if (unfit !== undefined)
    return `${placeOf(unfit.instancePath)} is none of what it may be (see /api/v1/docs)`
  return mistakes
    .filter(({ keyword }) => keyword !== 'boolean')
    .slice(0, MAX_SHOWN)
    .map(({ instancePath, message }) => `${placeOf(instancePath)} ${message}`)
    .join('; ')
}

function placeOf(instancePath: string): string {
  return instancePath.slice(1).replaceAll('/', '.') || 'the request'
}
