import { expect, test } from 'vitest'
import { verdictOn } from '../../console/src/verdict.ts'
import { examination } from './fixture/examination.ts'
import { snapshotAt } from './fixture/snapshot.ts'

const look = snapshotAt(1_780_000_000_000, {
  ...{ active: 12_000, kind: 'single', traffic: 0, nodes: 1, secrets: true },
  ...{ lagging: false, lost: false, audit: true, reports: 'heard' },
})
/** Without applications, which have troubles of their own. */
const quiet = { ...look, application: undefined, nodes: [] }

const doctor = (counts: { warn?: number; unknown?: number }) => {
  const found = examination('single')
  return { at: 0, window: 3_000, examination: { ...found, counts: { ...found.counts, ...counts } } }
}

test('all is well only where nothing was left unseen', () => {
  expect(verdictOn(quiet, doctor({}))).toMatchObject({
    level: 'ok',
    text: expect.stringMatching(/^All is well/),
  })
  expect(verdictOn(quiet, doctor({ unknown: 7 }))).toEqual({
    level: 'unknown',
    text: 'Nothing amiss was found, but 7 things could not be seen.',
    more: [],
    view: 'doctor',
  })
  expect(verdictOn(quiet, doctor({ warn: 1, unknown: 1 }))).toMatchObject({
    level: 'warn',
    more: ['1 thing could not be seen.'],
  })
})
