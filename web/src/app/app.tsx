import { useEffect } from 'preact/hooks'
import { relayName } from '../relays/relay-names.ts'
import { RelayPage } from '../relays/relay-page.tsx'
import { brand } from '../theme/brand.ts'
import { frontHref, place } from './address.ts'
import { FrontPage } from './front-page.tsx'
import { Header } from './header.tsx'
import type { Place } from './place.ts'
import { RangeBar } from './range-bar.tsx'

export function App() {
  const here = place.value
  const title = titleOf(here, brand.value.name)
  useEffect(() => {
    document.title = title
  }, [title])
  return (
    <>
      <a class="skip" href="#main">
        Skip to the figures
      </a>
      <Header />
      <RangeBar />
      <main id="main" tabIndex={-1}>
        <Here here={here} />
      </main>
      <footer class="footer">
        <p>
          {brand.value.name === 'Stoa' ? 'This is' : `${brand.value.name} runs`} Stoa, a public square for
          Nostr.
        </p>
        <nav aria-label="For operators and programs">
          <a href="/api/v1/docs">API</a> <a href="/health">Health</a> <a href="/metrics">Metrics</a>
        </nav>
      </footer>
    </>
  )
}

function Here({ here }: { readonly here: Place }) {
  if (here.page === 'front') return <FrontPage />
  if (here.page === 'relay') return <RelayPage key={here.url} url={here.url} />
  return (
    <div class="notice">
      <h1 tabIndex={-1}>Nothing is here</h1>
      <p>
        This address is none of this page. <a href={frontHref()}>Go to the front page</a>.
      </p>
    </div>
  )
}

function titleOf(here: Place, name: string): string {
  return here.page === 'relay' ? `${relayName(here.url)} · ${name}` : name
}
