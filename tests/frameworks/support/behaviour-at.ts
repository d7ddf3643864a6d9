import type { Behaviour, Call } from './adapter.ts'

/** For servers without a router: the behaviour at a path, which may end in a `:parameter`. */
export function behaviourAt<C extends Call>(
  behaviours: Readonly<Record<string, Behaviour<C>>>,
  path: string,
): Behaviour<C> | undefined {
  const parent = path.slice(0, path.lastIndexOf('/') + 1)
  const pattern = Object.keys(behaviours).find((each) => each.startsWith(`${parent}:`))
  return behaviours[path] ?? (pattern === undefined ? undefined : behaviours[pattern])
}
