import { hash } from 'node:crypto'

export interface HomePageFacts {
  readonly name: string
  readonly description: string
  /** `wss://…` when it is configured; empty: taken from the Host header of the request. */
  readonly publicUrl: string
}

export interface HomePage {
  readonly html: string
  /** Value of the `content-security-policy` header that lets this page do what it does and no more. */
  readonly policy: string
}

const STYLE =
  'body{font:1.05rem/1.6 system-ui,sans-serif;max-width:38rem;margin:12vh auto;padding:0 1.5rem;color:#222;background:#fdfcf9}' +
  'code{background:#eee9df;padding:.15em .4em;border-radius:.3em}' +
  '@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1a18}code{background:#33302b}a{color:#9bf}}'

const POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'none'`

/**
 * The page a person sees who opens the relay's address in a browser.
 *
 * @param host the Host header of the request; whatever stands in it is shown, never obeyed.
 */
export function homePage({ name, description, publicUrl }: HomePageFacts, host = 'localhost'): HomePage {
  const relayUrl = publicUrl === '' ? `ws://${host}` : publicUrl
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(name)}</title><style>${STYLE}</style></head>
<body>
<h1>${escapeHtml(name)}</h1>
<p>${escapeHtml(description)}</p>
<p>This is a <a href="https://nostr.com">Nostr</a> relay. Add it to your client: <code>${escapeHtml(relayUrl)}</code></p>
<p>It runs Stoa. For machines: <a href="/health">health</a>, <a href="/metrics">metrics</a>.</p>
</body>
</html>
`
  return { html, policy: POLICY }
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}
