import { figure } from '../support/markdown.mjs'

/** @param results as in the report. @returns `text` and `ok` of each promise */
export function checksOf(results) {
  const of = (system) => results.find((row) => row.system === system)
  const [ours, theirs] = [of('sojourn'), of('django-redis')]
  const read = (row) => row.figures.read.overCpu.median
  return [
    {
      text: `read: CPU over Django alone ${figure(read(ours), 1)} µs, django-redis ${figure(read(theirs), 1)} µs`,
      ok: read(ours) <= read(theirs),
    },
    {
      text: `bytes a session: ${figure(ours.bytes)}, django-redis ${figure(theirs.bytes)}`,
      ok: ours.bytes < theirs.bytes,
    },
  ]
}
