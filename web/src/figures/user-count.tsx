import type { UserCountBody } from '../api/bodies.ts'
import { count, percent } from './format.ts'

/** The mark of a number that was estimated, with how far off it may be. */
export function Approximation({ of: { approximate, error } }: { readonly of: UserCountBody }) {
  if (!approximate) return null
  const words = `estimated, give or take ${percent(error * 100)}`
  return (
    <abbr class="approximate" title={words}>
      ±{percent(error * 100)}
      <span class="visually-hidden"> ({words})</span>
    </abbr>
  )
}

/** For a narrow column: the mark alone, and how far off in words. */
export function BriefUserCount({ of }: { readonly of: UserCountBody }) {
  if (!of.approximate) return <>{count(of.count)}</>
  return (
    <abbr title={`estimated, give or take ${percent(of.error * 100)}`}>
      <span class="note">≈</span> {count(of.count)}
    </abbr>
  )
}

export function UserCount({ of }: { readonly of: UserCountBody }) {
  return (
    <>
      {of.approximate && <span aria-hidden="true">≈ </span>}
      {count(of.count)} <Approximation of={of} />
    </>
  )
}
