import { readSession } from '../../lib/session'

export default async function Admin() {
  const session = await readSession({ fresh: true })
  return <p>{`admin: ${session.principal}`}</p>
}
