/** One entry of the audit as it is stored. */
export interface AuditRecord {
  /** Stands clear. */
  readonly event: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Sealed. */
  readonly details: Uint8Array
}

export interface StoredAuditRecord extends AuditRecord {
  /** Names the entry and its place: `<milliseconds>-<number>`, growing. */
  readonly position: string
}

export interface HandedAuditRecord extends StoredAuditRecord {
  /** How often it has been handed out in its group, this time included. */
  readonly attempts: number
}

export interface AuditBatch {
  /** Who appends, 16 characters. */
  readonly writer: string
  /** 1, 2, … of this writer, one at a time. What has been appended under a number is not appended again. */
  readonly number: number
  readonly records: readonly AuditRecord[]
  /** About so many entries stay, the latest. */
  readonly maxLength: number
  /** Milliseconds: older entries go. */
  readonly retention: number
}

/** What an engine keeps of what happened: appended to, read in order, handed out to groups of consumers. */
export interface AuditLog {
  /**
   * Tries, without writing anything, whether entries may be appended. A log that cannot be refused has none.
   * @throws StoreRefusedError where a permission is missing, StoreUnavailableError
   */
  ready?(): Promise<void>

  /** Appends all in one step, in their order. */
  append(batch: AuditBatch): Promise<void>

  /** Oldest first: at most `count`, from a time on (milliseconds), or after a position. */
  list(options: AuditRange): Promise<StoredAuditRecord[]>

  /** Opens at the first call of `next`; a new group begins with the oldest entry. */
  consumer(options: ConsumerOptions): AuditConsumer
}

export interface AuditRange {
  readonly count: number
  readonly from?: number
  readonly after?: string
}

export interface ConsumerOptions {
  readonly group: string
  readonly consumer: string
  /** Milliseconds after which an entry that is not acknowledged is handed out again. */
  readonly idle: number
  /** Milliseconds: how long a log lives that is made for this group. */
  readonly retention: number
}

export interface AuditConsumer {
  /**
   * At most `count` entries that nobody else of the group has, or has had for `idle` without an
   * acknowledgement; one's own after half as long again, so that others come first. Waits a few seconds at
   * most for one; then there are none. One call at a time.
   */
  next(count: number): Promise<HandedAuditRecord[]>
  /** The group is done with it. */
  acknowledge(position: string): Promise<void>
  /** A `next` that waits rejects. Idempotent. */
  close(): void
}
