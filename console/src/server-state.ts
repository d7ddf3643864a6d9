import type { ServerState } from '../../src/operations/observe/snapshot.ts'
import type { Mark } from './parts/badge.tsx'

/** From here on a replica that becomes the primary has forgotten much. Bytes. */
export const LAG_WARN = 1_048_576

export function stateOf({
  problem,
  role,
  linked,
  lagBytes = 0,
}: ServerState): readonly [mark: Mark, word: string] {
  if (problem !== undefined) return ['error', 'away']
  if (role === 'replica' && linked === false) return ['error', 'unlinked']
  if (role === 'replica' && lagBytes > LAG_WARN) return ['warn', 'behind']
  return ['ok', 'answers']
}
