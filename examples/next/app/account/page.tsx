import { readSession } from '../../lib/session'
import { count, countTwice, login } from './actions'

export default async function Account() {
  const session = await readSession()
  return (
    <main>
      <p>{`count: ${session.get('count') ?? 0}`}</p>
      <form action={login} id="login">
        <input name="name" />
        <button type="submit">Sign in</button>
      </form>
      <form action={count} id="count">
        <button type="submit">Count</button>
      </form>
      <form action={countTwice} id="count-twice">
        <button type="submit">Count twice</button>
      </form>
    </main>
  )
}
