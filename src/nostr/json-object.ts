/** Is this a JSON object, as `JSON.parse` makes them: neither null nor an array? */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
