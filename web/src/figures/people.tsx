import type { OverviewBody } from '../api/bodies.ts'
import { percent, shareOf } from './format.ts'
import { UserCount } from './user-count.tsx'

/** New and returning people: parts of one whole, so one bar. */
export function People({
  overview: { authors, new_authors, returning_authors },
}: {
  readonly overview: OverviewBody
}) {
  const newShare = shareOf(new_authors.count, authors.count)
  const returningShare = shareOf(returning_authors.count, authors.count)
  return (
    <div class="split">
      <div class="split__bar" aria-hidden="true">
        <span class="tone-people" style={{ inlineSize: `${returningShare}%` }} />
        <span class="tone-events" style={{ inlineSize: `${newShare}%` }} />
      </div>
      <dl class="facts">
        <div>
          <dt>
            <span class="swatch tone-people" /> Returning
          </dt>
          <dd>
            <UserCount of={returning_authors} /> <span class="unit">{percent(returningShare)}</span>
          </dd>
        </div>
        <div>
          <dt>
            <span class="swatch tone-events" /> New
          </dt>
          <dd>
            <UserCount of={new_authors} /> <span class="unit">{percent(newShare)}</span>
          </dd>
        </div>
      </dl>
    </div>
  )
}
