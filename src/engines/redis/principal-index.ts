import type { ListedSession, SessionId } from '../../core/engine.ts'
import { idsOf, listedPage, oldestFirst, revokedStep } from './answers.ts'
import type { Confirming } from './confirmer.ts'
import { isUndone } from './errors.ts'
import { runScript } from './evaluate.ts'
import { hashWithin, indexKey } from './keys.ts'
import { scripts } from './scripts.generated.ts'
import type { Place, Topology, WorkOptions } from './topology.ts'

/** What looks into an index looks at the records that it lists too. */
const ALL_KEYS: WorkOptions = { allKeys: true }

/** What is asked of all sessions of one principal. */
export class PrincipalIndex {
  readonly #topology: Topology
  readonly #prefix: string

  constructor(topology: Topology, prefix: string) {
    this.#topology = topology
    this.#prefix = prefix
  }

  /** See Engine. */
  async list(partition: string, ownerTag: string): Promise<ListedSession[]> {
    const { sessions } = await this.some(partition, ownerTag, Number.POSITIVE_INFINITY)
    return sessions
  }

  /**
   * Of very many only some pages: for who shows them.
   * @returns those, oldest first, and how many there are: of more than were read also some that have expired
   */
  async some(
    partition: string,
    ownerTag: string,
    most: number,
  ): Promise<{ sessions: ListedSession[]; total: number }> {
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    const found = new Map<SessionId, ListedSession>()
    let cursor = '0'
    do {
      const from = [cursor]
      const work = (place: Place) => runScript(place, scripts.list, keys, from)
      const page = listedPage(await this.#topology.at(partition, work, ALL_KEYS), partition)
      for (const session of page.sessions) found.set(session.id, session)
      cursor = page.cursor
    } while (cursor !== '0' && found.size < most)
    const sessions = oldestFirst(found.values()).slice(0, most)
    if (cursor === '0') return { sessions, total: found.size }
    const size = (place: Place) =>
      place.call('list', (wire) => wire.sendCommand(['HLEN', ...keys])) as Promise<number>
    return { sessions, total: await this.#topology.at(partition, size) }
  }

  /**
   * See Engine.
   * @param told of those that each step has ended
   */
  async revokeAll(
    partition: string,
    ownerTag: string,
    except: SessionId | undefined,
    confirming: Confirming | undefined,
    told: (ended: readonly SessionId[]) => void,
  ): Promise<SessionId[]> {
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    const args = [hashWithin(partition, except)]
    const all: SessionId[] = []
    const work = async (place: Place) => {
      try {
        const answer = await runScript(place, scripts['revoke-all'], keys, args)
        const step = revokedStep(answer, partition)
        for (const id of step.ended) place.near.drop(id)
        return step
      } catch (error) {
        // It may have been carried out, and then nobody tells us which sessions it has ended.
        if (!isUndone(error)) place.near.clear()
        throw error
      }
    }
    for (;;) {
      const step = await this.#topology.at(partition, work, { ...ALL_KEYS, confirming })
      all.push(...step.ended)
      told(step.ended)
      if (step.isLast) return all
    }
  }

  /** At most 500. @returns those that were live */
  async evict(
    partition: string,
    ownerTag: string,
    ids: readonly SessionId[],
    confirming: Confirming | undefined,
  ): Promise<SessionId[]> {
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    const args = ids.map((id) => hashWithin(partition, id))
    const work = async (place: Place) => {
      const ended = idsOf(await runScript(place, scripts.evict, keys, args), partition)
      for (const id of ended) place.near.drop(id)
      return ended
    }
    return this.#topology.at(partition, work, { ...ALL_KEYS, confirming })
  }
}
