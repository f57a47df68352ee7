import type { ComponentChildren } from 'preact'
import type { RelayPageBody } from '../api/bodies.ts'
import { CopyText } from '../app/copy-text.tsx'
import { Foreign } from '../figures/foreign.tsx'
import { moment } from '../figures/format.ts'
import { countryName, softwareName } from './relay-names.ts'

/** Characters of a description that are shown, which are some twenty lines on a phone. */
const MOST_OF_DESCRIPTION = 1000

/** What nobody would see that they copy; addresses as they should be have none of it. */
const INVISIBLE = /[\p{Cc}\p{Bidi_C}\s]/gu

export function RelayFacts({ relay }: { readonly relay: RelayPageBody }) {
  const { url, description, software, version, nips, countries, first_seen, last_event } = relay
  return (
    <dl class="record">
      <Fact term="Address">
        <CopyText text={url.replaceAll(INVISIBLE, encodeURIComponent)} label="Copy the address" />
      </Fact>
      <Fact term="Description">
        {description !== null && description.trim() !== '' && (
          <Foreign text={description} most={MOST_OF_DESCRIPTION} />
        )}
      </Fact>
      <Fact term="Software">
        {software !== null && (
          <>
            <Foreign text={softwareName(software)} /> <Foreign text={version ?? ''} most={40} />{' '}
            <span class="note">
              <Foreign text={software} />
            </span>
          </>
        )}
      </Fact>
      <Fact term="Supports">
        {nips.length > 0 && nips.map((nip) => `NIP-${String(nip).padStart(2, '0')}`).join(', ')}
      </Fact>
      <Fact term="Countries">{countries.length > 0 && countries.map(countryName).join(', ')}</Fact>
      <Fact term="Asks for">{asksFor(relay)}</Fact>
      <Fact term="First seen">{first_seen !== null && moment(Date.parse(first_seen))}</Fact>
      <Fact term="Newest event">{last_event !== null && moment(Date.parse(last_event))}</Fact>
    </dl>
  )
}

function asksFor({ needs_auth, needs_payment }: RelayPageBody): string {
  const wishes = [needs_auth && 'authentication (NIP-42)', needs_payment && 'payment'].filter(
    (wish) => wish !== false,
  )
  return wishes.length === 0 ? 'nothing' : wishes.join(', ')
}

function Fact({ term, children }: { readonly term: string; readonly children: ComponentChildren }) {
  const isKnown = children !== null && children !== false && children !== ''
  return (
    <div>
      <dt>{term}</dt>
      <dd>{isKnown ? children : <span class="absent">not said</span>}</dd>
    </div>
  )
}
