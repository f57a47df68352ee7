import type { ComponentChildren } from 'preact'

interface SectionProps {
  readonly id: string
  readonly title: string
  readonly about: ComponentChildren
  /** Freshness and coverage of what is shown. */
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
}

export function Section({ id, title, about, aside, children }: SectionProps) {
  return (
    <section id={id} class="section" aria-labelledby={`${id}-title`}>
      <div class="section__head">
        <h2 id={`${id}-title`}>{title}</h2>
        <p class="section__about">{about}</p>
        {aside}
      </div>
      <div class="section__body">{children}</div>
    </section>
  )
}
