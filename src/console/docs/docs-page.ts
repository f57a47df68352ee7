/** The API as a page for people: the OpenAPI document, readable, without a script. */
import { hash } from 'node:crypto'

/** As much of an OpenAPI 3.1 document as the page shows. */
export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly paths?: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>
}

interface ApiOperation {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly {
    readonly name: string
    readonly required?: boolean
    readonly schema?: unknown
  }[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> }
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> }>
  >
}

const STYLE =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:56rem;margin:3rem auto;padding:0 1.5rem;color:#222;background:#fdfcf9}' +
  'h2{margin-top:2.5rem;border-bottom:1px solid #ccc}code,pre{background:#eee9df;border-radius:.3em}code{padding:.1em .35em}' +
  'pre{padding:.8em;overflow:auto;font-size:.85rem}details{margin:.6rem 0}summary{cursor:pointer}small{color:#666}' +
  '@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1a18}code,pre{background:#33302b}a{color:#9bf}small{color:#aaa}}'

export const DOCS_PAGE_POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

export function docsPage({ info, paths = {} }: ApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const groups = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'other')
  const sections = Array.from(groups, ([name, members]) => {
    const entries = members.map(({ path, method, operation }) => entryHtml(method, path, operation))
    return `<h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2>\n${entries.join('\n')}`
  })
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.title)}</title><style>${STYLE}</style></head>
<body>
<h1>${escapeHtml(info.title)}</h1>
<p>${escapeHtml(info.description ?? '')}</p>
<p><a href="/api/v1/docs/openapi.json">openapi.json</a> <small>OpenAPI 3.1, version ${escapeHtml(info.version)}</small></p>
${sections.join('\n')}
</body>
</html>
`
}

function entryHtml(method: string, path: string, operation: ApiOperation): string {
  const { summary = '', description = '', parameters = [], requestBody, responses } = operation
  const parts = [
    ...parameters.map(
      ({ name, required = false, schema }) =>
        `<p><code>${escapeHtml(name)}</code>${required ? '' : ' <small>may be left out</small>'} ${jsonHtml(schema)}</p>`,
    ),
    ...schemaHtml('Body', requestBody?.content),
    ...schemaHtml('Answer', responses?.['200']?.content),
  ]
  return `<details><summary><code>${method.toUpperCase()} ${escapeHtml(path)}</code> ${escapeHtml(summary)}</summary>
<p><small>${escapeHtml(description)}</small></p>
${parts.join('\n')}</details>`
}

function schemaHtml(
  title: string,
  content: Readonly<Record<string, { readonly schema?: unknown }>> | undefined,
): readonly string[] {
  const schema = Object.values(content ?? {})[0]?.schema
  return schema === undefined ? [] : [`<p>${title}</p>${jsonHtml(schema)}`]
}

function jsonHtml(value: unknown): string {
  return value === undefined ? '' : `<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
