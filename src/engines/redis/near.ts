import type { Hold, NearCache } from './near-cache.ts'

/** What whoever asks a server tells of it to what is known near. */
export type Near = Pick<
  NearCache,
  | 'hold'
  | 'keep'
  | 'renew'
  | 'release'
  | 'forgo'
  | 'drop'
  | 'clear'
  | 'notify'
  | 'miss'
  | 'underWay'
>

/**
 * Of what is written on a connection that the server does not track: of such a write nobody is told when
 * it is overtaken, and so it is not kept.
 */
export function keepingNothing(near: Near): Near {
  const drop = (id: string): void => near.drop(id)
  return {
    hold: (id) => near.hold(id),
    forgo: (id, hold: Hold) => near.forgo(id, hold),
    clear: () => near.clear(),
    notify: (id) => near.notify(id),
    miss: () => near.miss(),
    underWay: (id) => near.underWay(id),
    // Reads that are under way too: one may have been carried out before, and come in later.
    ...{ keep: drop, renew: drop, release: drop, drop },
  }
}
