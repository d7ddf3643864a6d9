interface Yielding {
  readonly yields?: (() => boolean) | undefined
}

/** Of the listeners of one instance: those who do not yield, or one who does where there is nobody else. */
export function toBeTold<Listener extends Yielding>(listeners: Iterable<Listener>): Listener[] {
  const all = [...listeners]
  const rather = all.filter(({ yields }) => yields?.() !== true)
  return rather.length > 0 ? rather : all.slice(0, 1)
}
