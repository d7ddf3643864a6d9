/**
 * Attributes that belong to one framework alone, such as `django:_auth_user_hash` (protocol/README.md, section 13). They
 * stay in the record as they are; applications here neither list nor change them.
 */
import { AttributeError } from './errors.ts'
import { checkAttributeName } from './values.ts'

const FRAMEWORKS = ['django', 'spring']
const PRIVATE = new RegExp(`^(?:${FRAMEWORKS.join('|')}):`)

export function isPrivateName(name: string): boolean {
  return PRIVATE.test(name)
}

/**
 * For whatever sets an attribute for an application; the codec takes other frameworks' names too.
 * @throws AttributeError for a name that no attribute can have, or that is another framework's
 */
export function checkOwnName(name: unknown): asserts name is string {
  checkAttributeName(name)
  if (!isPrivateName(name)) return
  const [framework] = name.split(':', 1)
  throw new AttributeError(
    name,
    `names that begin with \`${framework}:\` belong to applications of that framework`,
  )
}

/** The application's own. The same map where there are no others. */
export function withoutPrivate(
  attributes: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, unknown> {
  for (const name of attributes.keys()) {
    if (isPrivateName(name))
      return new Map([...attributes].filter(([each]) => !isPrivateName(each)))
  }
  return attributes
}
