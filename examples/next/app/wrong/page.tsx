import { isSojournError } from 'sojourn'
import { readSession, withSession } from '../../lib/session'

export const dynamic = 'force-dynamic'

/** A mistake: a component cannot change the session. */
export default async function Wrong() {
  const codes: string[] = []
  const session = await readSession()
  for (const change of [
    () => withSession((writable) => writable.login('ada')),
    async () => (session as unknown as { set(name: string, value: number): void }).set('count', 1),
  ]) {
    try {
      await change()
    } catch (error) {
      codes.push(isSojournError(error) ? error.code : String(error))
    }
  }
  return <p>{codes.join(' ')}</p>
}
