import { readSession } from '../../lib/session'
import { Show } from './show'

export const dynamic = 'force-dynamic'

/** A mistake, that React refuses: the session is nothing for the browser. */
export default async function Leak() {
  return <Show value={await readSession()} />
}
