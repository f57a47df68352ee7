import { brand, logoOf } from '../theme/brand.ts'

/** The operator's logo; a colonnade where there is none. */
export function Mark() {
  const logo = logoOf(brand.value)
  if (logo !== undefined) return <img class="mark" src={logo} alt="" width="32" height="32" />
  return (
    <svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <path d="M2 5h28v3H2zM4 9.500h24v1.500H4zM5 12.500h2.500v11H5zM11.500 12.500H14v11h-2.500zM18 12.500h2.500v11H18zM24.500 12.500H27v11h-2.500zM4 25h24v1.500H4zM2 28h28v1.500H2z" />
    </svg>
  )
}
