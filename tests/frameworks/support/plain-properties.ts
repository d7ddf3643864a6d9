import { AttributeError, type Session } from 'sojourn'
import type { Call, Data } from './adapter.ts'

/**
 * A session with its attributes as plain properties, for a framework that does not put one on the
 * request: members are the session's, all else is `session.data`.
 */
export function plainProperties(session: Session<Data>): Call['session'] {
  const data: object = session.data
  const isMember = (name: string | symbol): boolean => typeof name === 'symbol' || name in session
  return new Proxy(session, {
    get: (_, name) => {
      const value: unknown = Reflect.get(isMember(name) ? session : data, name)
      return typeof value === 'function' && isMember(name) ? value.bind(session) : value
    },
    has: (_, name) => isMember(name) || name in data,
    set: (_, name, value) => {
      if (isMember(name)) throw new AttributeError(String(name), 'is a member of the session')
      return Reflect.set(data, name, value)
    },
    deleteProperty: (_, name) => !isMember(name) && Reflect.deleteProperty(data, name),
    defineProperty: (_, name, descriptor) => Reflect.defineProperty(data, name, descriptor),
    ownKeys: () => Reflect.ownKeys(data),
    getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(data, name),
  })
}
