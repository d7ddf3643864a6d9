import type { Stamp } from './engine.ts'
import type { Live } from './live.ts'
import { NO_META, withNote, withPersistent } from './meta.ts'
import type { Pending } from './pending.ts'
import type { Repository } from './repository.ts'
import { createToken, type Token } from './token.ts'

/** For a session that is nobody's, in the region where those of this request go. */
export function newToken(repository: Repository, request: object | undefined): Token {
  const region = repository.regionForNew({ principal: undefined, request })
  return createToken(repository.settings.keyring, undefined, region)
}

/**
 * Stores a session of nobody for the first time.
 * @param unknown stamps of writes whose answers were lost; this one's is added
 * @returns nothing where one stands under the token already
 */
export function createAnonymous(
  repository: Repository,
  token: Token,
  attributes: ReadonlyMap<string, unknown>,
  unknown: Stamp[],
  { lifetime = {}, note }: Pending = {},
): Promise<Live | undefined> {
  const { engine, schema, idleTimeout, absoluteTimeout } = repository.settings
  const now = Math.floor(engine.now())
  const header = {
    revision: 1,
    createdAt: now,
    deadline: lifetime.deadline ?? now + absoluteTimeout,
    idleTimeout: lifetime.idleTimeout ?? idleTimeout,
    schema: schema.version,
    ownerTag: undefined,
  }
  const lasting = lifetime.persistent === true ? withPersistent(NO_META, true) : NO_META
  const meta = note === undefined ? lasting : withNote(lasting, note.value)
  return repository.createOnce(token, header, attributes, meta, undefined, unknown)
}
