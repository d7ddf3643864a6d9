import type { ComponentChildren, JSX } from 'preact'

/** A name and what it holds, in two columns. */
export function Details({ children }: { children: ComponentChildren }): JSX.Element {
  return <dl class="details">{children}</dl>
}

export function Detail({
  name,
  children,
}: {
  name: string
  children: ComponentChildren
}): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children ?? <span class="quiet">–</span>}</dd>
    </div>
  )
}

/** Ids are told by their look: one width a letter, whole, to be copied. */
export const Id = ({ id }: { id: string }): JSX.Element => <code class="id">{id}</code>
