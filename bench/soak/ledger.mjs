/** As long as something that a node did before it died may become known only after that. Milliseconds. */
const LATE = 5_000

/**
 * What nodes have said of each session id: that it was made, how it has ended, how often its expiry was
 * told. `isDoubtful`: something that may have ended it was under way at a node that died, or its
 * connection did.
 */
export class Ledger {
  #sessions = new Map()
  #principals = new Map()
  #problems = []
  /** What came of ids that nobody had said were made: the node died before. */
  strangers = 0
  duplicates = 0
  told = 0

  made(id, principal) {
    const session = this.#of(id, principal)
    session.isKnown = true
    return session
  }

  rotated(from, to) {
    const former = this.#of(from)
    const session = this.made(to, former.principal)
    // Of one that had ended otherwise meanwhile, what followed it may have been meant.
    if (!former.isKnown || former.isDoubtful || (former.end ?? 'rotated') !== 'rotated') {
      session.isDoubtful = true
    }
    former.next = to
    this.#end(former, 'rotated')
  }

  /** The login of another session was to end it, unless it had ended before. */
  replaced(id) {
    this.doubt(id)
    this.#of(id).isReplaced = true
  }

  /** @param reaches whether it may have been found under a later id */
  ended(id, how, reaches = false) {
    const session = this.#of(id)
    if (reaches && session.next !== undefined) this.doubt(session.next)
    this.#end(session, how)
  }

  expired(id, principal) {
    this.told += 1
    const session = this.#of(id, principal)
    session.expired += 1
    if (session.expired > 1) this.duplicates += 1
    else if (!session.isKnown) this.strangers += 1
    if (session.end !== undefined) this.#problem(`${id}: ${session.end}, and told as expired`)
    this.#forget(session)
  }

  doubt(id) {
    for (let at = id; at !== undefined; at = this.#sessions.get(at)?.next) {
      this.#of(at).isDoubtful = true
    }
  }

  /** Something that may have ended any of the principal's sessions has an unknown outcome. */
  doubtAllOf(principal) {
    const one = this.#principal(principal)
    one.doubtUntil = performance.now() + LATE
    for (const session of one.live) session.isDoubtful = true
  }

  isDoubtful(id) {
    return this.#sessions.get(id)?.isDoubtful === true
  }

  has(id) {
    return this.#sessions.has(id)
  }

  hasEnded(id) {
    const session = this.#sessions.get(id)
    return session?.end !== undefined || (session?.expired ?? 0) > 0
  }

  /** A browser found nothing where its session had to be live: why is known by the end, or never. */
  missed(id) {
    this.#of(id).isMissed = true
  }

  /** @returns counts, and what is wrong with them */
  close() {
    const counts = { known: 0, expired: 0, untold: 0, replaced: 0, doubtful: 0, ended: {} }
    const problems = [...this.#problems]
    for (const [id, session] of this.#sessions) {
      const { isKnown, isDoubtful, end, expired } = session
      if (isKnown) counts.known += 1
      if (end !== undefined) counts.ended[end] = (counts.ended[end] ?? 0) + 1
      else if (expired > 0) counts.expired += 1
      else if (session.isReplaced) counts.replaced += 1
      else if (isDoubtful) counts.doubtful += 1
      else if (isKnown) {
        counts.untold += 1
        problems.push(`${id}: has ended, and no event says so`)
      }
      const last = session.isMissed ? this.#last(session) : undefined
      if (last?.end === undefined && last?.isDoubtful === false) {
        problems.push(`${id}: lost before its time`)
      }
    }
    return { counts, problems }
  }

  #last(session) {
    let last = session
    while (last.next !== undefined) last = this.#sessions.get(last.next)
    return last
  }

  #problem(text) {
    this.#problems.push(text)
  }

  #end(session, how) {
    if (session.expired > 0) this.#problem(`${session.id}: told as expired, and ${how}`)
    session.end ??= how
    this.#forget(session)
  }

  #forget(session) {
    if (session.principal !== undefined) this.#principal(session.principal).live.delete(session)
  }

  #of(id, principal) {
    const known = this.#sessions.get(id)
    if (known !== undefined) {
      // One node may tell of a rotation before another has told whose session it is.
      for (let at = known; at !== undefined; at = this.#sessions.get(at.next)) {
        this.#belongs(at, principal)
      }
      return known
    }
    const session = { id, principal: undefined, expired: 0, isKnown: false, isDoubtful: false }
    this.#sessions.set(id, session)
    this.#belongs(session, principal)
    return session
  }

  #belongs(session, principal) {
    if (principal === undefined || session.principal !== undefined) return
    session.principal = principal
    const one = this.#principal(principal)
    if (session.end === undefined && session.expired === 0) one.live.add(session)
    if (performance.now() < one.doubtUntil) session.isDoubtful = true
  }

  #principal(name) {
    const known = this.#principals.get(name)
    if (known !== undefined) return known
    const one = { live: new Set(), doubtUntil: 0 }
    this.#principals.set(name, one)
    return one
  }
}
