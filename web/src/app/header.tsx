import { brand } from '../theme/brand.ts'
import { ThemeSwitch } from '../theme/theme-switch.tsx'
import { frontHref } from './address.ts'
import { Mark } from './mark.tsx'

export function Header() {
  const { name, tagline } = brand.value
  return (
    <header class="header">
      <a class="header__brand" href={frontHref()}>
        <Mark />
        <span>
          <span class="header__name">{name}</span>
          {tagline !== '' && <span class="header__tagline">{tagline}</span>}
        </span>
      </a>
      <ThemeSwitch />
    </header>
  )
}
