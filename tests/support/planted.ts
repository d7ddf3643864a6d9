/** What an application on another framework keeps in a session that it shares with ours. */
import type { Sessions } from 'sojourn'
import { expect } from 'vitest'
import { createKeyring } from '../../src/core/keyring.ts'
import { openRecord } from '../../src/core/record.ts'

export const THEIRS = 'django:_auth_user_hash'

/** Puts it there, as their application does. */
export async function plant<Data extends object>(
  sessions: Sessions<Data>,
  id: string,
  value: unknown = 'hash',
): Promise<void> {
  const change = () => ({ delta: new Map([[THEIRS, { value }]]), note: undefined })
  expect(await sessions.stored.change(id, change)).toBe(true)
}

/** All attributes of the record, theirs too. @param id not one that a rotation has left */
export async function recordOf<Data extends object>(
  { engine }: Sessions<Data>,
  id: string,
  secrets: readonly string[],
): Promise<Record<string, unknown>> {
  const { record } = (await engine.load(id)) ?? { record: new Uint8Array() }
  const opened = openRecord(record, { keyring: createKeyring(secrets), id, token: undefined })
  if (opened.status === 'rejected') throw new Error(`no session at ${id}`)
  return Object.fromEntries(opened.attributes)
}
