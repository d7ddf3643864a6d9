import { randomBytes } from '../../core/crypto.ts'
import { hasListing } from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import { createSessions } from '../../index.ts'

/**
 * What a session with these attributes takes as stored, signed in, with a device and an address.
 * @param attributes as JSON has them: how far they can be compressed is theirs to say
 * @throws OptionError; AttributeError, SessionTooLargeError
 */
export async function storedBytesOf(attributes: unknown): Promise<number> {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw new OptionError('session', 'takes an object: the attributes of a session, as JSON')
  }
  const sessions = createSessions({ secrets: randomBytes(32).toString('base64') })
  try {
    const session = await sessions.open()
    for (const [name, value] of Object.entries(attributes)) session.set(name, value)
    await session.login('somebody@example.org', {
      ...{ keep: Object.keys(attributes), device: 'Firefox 130 on Linux', address: '203.0.113.7' },
    })
    const { engine } = sessions
    const sizes: number[] = []
    if (hasListing(engine)) {
      for await (const page of engine.scan()) sizes.push(...page.map(({ record }) => record.length))
    }
    return Math.max(...sizes)
  } finally {
    await sessions.close()
  }
}
