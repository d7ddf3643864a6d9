import type { Sessions } from '../../src/core/sessions.ts'

interface Counts {
  requests: number
  increments: number
  signIns: number
  signOuts: number
  failed: number
}

export class Users {
  constructor(
    sides: { from: Sessions<{ n: number }>; to: Sessions<{ n: number }> },
    random: (below: number) => number,
    pause?: number,
  )
  readonly size: number
  readonly counts: Counts
  readonly lost: readonly object[]
  signIn(count: number): Promise<void>
  start(): void
  stop(): Promise<void>
  move(share: number, drained?: () => Promise<unknown>): Promise<void>
  problems(side: 'from' | 'to'): Promise<{ lost: number; undone: number; increments: number }>
}
