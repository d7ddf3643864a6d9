export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** Of a row and a scenario; what was not measured is absent. */
export interface Figures {
  readonly overhead?: Summary
  readonly overFloor?: Summary
  readonly commands?: { readonly all: number; readonly keyed: number }
}

export interface Row {
  readonly id: string
  readonly figures: Readonly<Record<string, Figures>>
}

export interface Asked {
  readonly rows?: readonly string[]
  readonly scenarios?: readonly string[]
}

export interface Check {
  readonly text: string
  readonly ok: boolean | null
}

export function checksOf(rows: readonly Row[], asked?: Asked): Check[]
