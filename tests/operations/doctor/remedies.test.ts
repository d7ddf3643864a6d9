// Each misconfiguration is started for real, found by its rule, and gone when the finding's own words have been carried out.
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { rules } from '../../../src/operations/doctor/examine.ts'
import type { Finding } from '../../../src/operations/doctor/finding.ts'
import { until } from '../../support/until.ts'
import { BY_HAND, ELSEWHERE } from './faults/by-hand.ts'
import { endShared, OF_SEVERAL_SERVERS } from './faults/deployments.ts'
import {
  type Asked,
  type Ends,
  type Fault,
  type MendedByHand,
  type Planted,
  WINDOW,
} from './faults/fault.ts'
import { carryOut } from './faults/remedy.ts'
import { OF_ONE_SERVER } from './faults/single.ts'
import { look } from './found.ts'

/** Of this release of the server, and of a machine that is busy with other tests. */
const OF_HERE = new Set(['ver.cve', 'lat.rtt', 'persist.fork', 'persist.aof'])
/** Milliseconds: redis-cli moves a third of all slots, on a machine that is busy. */
const SLOW = 60_000
/** Servers of which the remedy names the first, and says "the same at the others". */
const MOST = 6

const ends: Ends = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

afterAll(endShared)

interface Seen {
  readonly own: readonly Finding[]
  /** `rule severity` of the errors and warnings of others. */
  readonly others: readonly string[]
}

async function seen(
  rule: string,
  { redis, options }: Asked,
  during?: Planted['during'],
): Promise<Seen> {
  const end = during?.()
  // Whatever this machine is set to.
  const { results } = await look(redis, { readFile: () => undefined, window: WINDOW, ...options })
  await end?.()
  return {
    own: results.flatMap(({ id, findings }) => (id === rule ? findings : [])),
    others: results.flatMap(({ id, findings }) =>
      id === rule || OF_HERE.has(id)
        ? []
        : findings
            .filter(({ severity }) => severity === 'error' || severity === 'warn')
            .map(({ severity }) => `${id} ${severity}`),
    ),
  }
}

const titled = <F extends Pick<Fault, 'rule' | 'severity' | 'name'>>(faults: readonly F[]) =>
  faults.map((fault) => [`${fault.rule} ${fault.severity}: ${fault.name}`, fault] as const)

/** It is found, and nothing else is, twice: it does not pass by itself. */
async function foundAt(
  { rule, severity, also = [], passing = [], seen: text = /./ }: Omit<Fault, 'plant'>,
  planted: Planted | MendedByHand,
): Promise<Finding> {
  const during = 'during' in planted ? planted.during : undefined
  const found = await seen(rule, planted, during)
  expect(found.own).toMatchObject([{ severity, seen: expect.stringMatching(text) }])
  expect(found.others.filter((each) => !passing.includes(each)).toSorted()).toEqual(also.toSorted())
  const [finding] = (await seen(rule, planted, during)).own
  if (finding === undefined) throw new Error('it has passed by itself')
  return finding
}

/** What --fix would do is what is said. */
const settingOf = ({ setting }: Finding): string =>
  setting === undefined ? '' : `CONFIG SET ${setting.name} ${setting.value || "''"}\n`

/**
 * Where it is said of several servers it is done at the first, and again at those that are left; and where something else is
 * said then, that. @returns what was done
 */
async function mended(
  finding: Finding,
  planted: Planted,
  left: () => Promise<Finding | undefined>,
  tries = MOST,
): Promise<string[]> {
  const done = await carryOut(finding, planted)
  if (done.length === 0 || tries === 0) throw new Error(`not mended: ${finding.fix.join('; ')}`)
  let next: Finding | undefined
  await until(async () => {
    next = await left()
    return (
      next === undefined ||
      next.servers.length < finding.servers.length ||
      next.fix.join() !== finding.fix.join()
    )
  })
  return next === undefined ? done : mended(next, planted, left, tries - 1)
}

const MENDED_BY_COMMANDS = [...OF_ONE_SERVER, ...OF_SEVERAL_SERVERS]

describe('what is amiss is mended by the commands of its finding', () => {
  it.each(titled(MENDED_BY_COMMANDS))(
    '%s',
    async (_, fault) => {
      const planted = await fault.plant(ends)
      const asked = { ...planted, ...planted.mended }
      const left = async () => (await seen(fault.rule, asked, planted.during)).own[0]
      const first = await foundAt(fault, planted)
      expect(first.fix.join('\n')).toContain(settingOf(first))
      const done = await mended(first, planted, left)
      if (!done.some((command) => command.endsWith(' CONFIG REWRITE'))) return
      await planted.servers[0]?.restart()
      await until(async () => (await left()) === undefined)
    },
    SLOW,
  )
})

describe('what is amiss is mended by hand, as its finding says', () => {
  it.each(titled(BY_HAND))('%s', async (_, fault) => {
    const planted = await fault.plant(ends)
    const finding = await foundAt(fault, planted)
    expect(finding.fix.join('\n')).toMatch(fault.says)
    await planted.mend?.()
    const asked = planted.mended ?? planted
    await until(async () => (await seen(fault.rule, asked)).own.length === 0)
  })
})

it('is so of every rule, or is named with a reason', () => {
  const shown = [...MENDED_BY_COMMANDS, ...BY_HAND].map(({ rule }) => rule)
  expect(new Set([...shown, ...ELSEWHERE.keys()])).toEqual(new Set(rules.map(({ id }) => id)))
  expect(shown.filter((rule) => ELSEWHERE.has(rule))).toEqual([])
  expect(new Set(MENDED_BY_COMMANDS.map(({ rule }) => rule)).size).toBeGreaterThan(25)
})
