import { readSession } from '../lib/session'

export default async function Page() {
  const session = await readSession()
  return <p>{`count: ${session.get('count') ?? 0}`}</p>
}
