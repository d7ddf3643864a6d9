export interface Soak {
  /** Path of the socket of a server with nothing else in it. */
  readonly redis: string
  /** One command to the same server, on a connection of its own. */
  readonly command: (...parts: (string | Buffer)[]) => Promise<unknown>
  /** URL of a module that exports `createSessions`. */
  readonly module: string
  readonly operations: number
  readonly seed: number
  /** Milliseconds between two kills, on average. Default 3,000. */
  readonly killEvery?: number
  /** 1: sessions idle for one to five seconds; less: all is shorter. */
  readonly pace?: number
  readonly say: (text: string) => void
}

export interface SoakReport {
  readonly kills: number
  readonly cuts: number
  /** Ids that clients know, and what became of them. */
  readonly sessions: {
    readonly known: number
    readonly expired: number
    readonly untold: number
    readonly ended: Readonly<Record<string, number>>
  }
  readonly expired: { readonly told: number; readonly duplicates: number }
  /** What is wrong, in words; at most 50. */
  readonly problems: readonly string[]
}

export function soak(options: Soak): Promise<SoakReport>
