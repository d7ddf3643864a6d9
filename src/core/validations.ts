/** What was said of the tokens that requests have come with, since the start. */
export interface Validations {
  /** Accepted without asking the store. */
  readonly near: number
  /** Accepted by the store. */
  readonly accepted: number
  /** The store has no session under it, or one that does not open: the event `rejected` says why. */
  readonly rejected: number
  /** It is none of these secrets; nobody was asked. */
  readonly forged: number
  /** The store could not say. */
  readonly unknown: number
}

export class ValidationCounts implements Validations {
  near: number = 0
  accepted: number = 0
  rejected: number = 0
  forged: number = 0
  unknown: number = 0

  get now(): Validations {
    const { near, accepted, rejected, forged, unknown } = this
    return { near, accepted, rejected, forged, unknown }
  }

  /** What asks the store. */
  async asked<L extends { readonly status: 'live' | 'none' }>(loading: Promise<L>): Promise<L> {
    try {
      const loaded = await loading
      if (loaded.status === 'live') this.accepted++
      else this.rejected++
      return loaded
    } catch (error) {
      this.unknown++
      throw error
    }
  }
}
