import { readFileSync } from 'node:fs'

const file = new URL('../../bench/sample-session.json', import.meta.url)

/** The session that sizes and times are measured with: 356 bytes as JSON. */
export const sampleSession: Readonly<Record<string, unknown>> = JSON.parse(
  readFileSync(file, 'utf8'),
) as Record<string, unknown>
