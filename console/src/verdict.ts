import type { DoctorAnswer, Snapshot } from '../../src/operations/console/api.ts'
import type { Severity } from '../../src/operations/doctor/finding.ts'
import { seenAt, topFindings } from './doctor.ts'
import { bytes, count, list, percent, plural, rate } from './format.ts'
import { LAG_WARN } from './server-state.ts'
import type { ViewId } from './state/route.ts'

export type Level = 'ok' | Severity

export interface Verdict {
  readonly level: Level
  /** One sentence. */
  readonly text: string
  /** What else is amiss, shortly. */
  readonly more: readonly string[]
  readonly view: ViewId | undefined
}

interface Trouble {
  readonly level: Level
  readonly text: string
  readonly view: ViewId
}

const order: readonly Level[] = ['error', 'warn', 'unknown', 'info', 'ok']

/** What one would say of this deployment, if one had a sentence. */
export function verdictOn(look: Snapshot, doctor: DoctorAnswer | undefined): Verdict {
  const troubles = [...troublesOf(look), ...gravest(doctor)].sort(
    (a, b) => order.indexOf(a.level) - order.indexOf(b.level),
  )
  const [first, ...others] = troubles
  if (first !== undefined) {
    return { ...first, more: others.map(({ text }) => text) }
  }
  const { warn = 0, unknown = 0 } = doctor?.examination.counts ?? {}
  const unseen = `${plural(unknown, 'thing')} could not be seen`
  if (warn > 0) {
    const text = `It runs well; doctor has ${plural(warn, 'thing')} for you to look at.`
    return { level: 'warn', text, more: unknown > 0 ? [`${unseen}.`] : [], view: 'doctor' }
  }
  if (unknown > 0) {
    const text = `Nothing amiss was found, but ${unseen}.`
    return { level: 'unknown', text, more: [], view: 'doctor' }
  }
  return { level: 'ok', text: wellText(look), more: [], view: undefined }
}

/** That all is well nobody says before doctor has looked. */
export function beforeDoctor(verdict: Verdict, hasFailed: boolean): Verdict {
  if (verdict.level !== 'ok') return verdict
  const text = `Every server answers; doctor ${hasFailed ? 'could not look' : 'is looking'}.`
  return { ...verdict, level: 'info', text, view: 'doctor' }
}

function wellText({ sessions }: Snapshot): string {
  if (sessions.active === undefined) return 'Every server answers.'
  if (sessions.active === 0) return 'Every server answers, and there is no session yet.'
  const { active, signedInShare } = sessions
  const about = sessions.exact ? '' : 'about '
  if (signedInShare === undefined) {
    return `All is well: ${about}${plural(active, 'session')} ${active === 1 ? 'is' : 'are'} live.`
  }
  const signedIn = Math.round(active * signedInShare)
  return `All is well: ${about}${plural(active, 'live session')}, ${count(signedIn)} of them signed in.`
}

/** What doctor says is to be mended now. */
const gravest = (doctor: DoctorAnswer | undefined): Trouble[] =>
  doctor === undefined
    ? []
    : topFindings(doctor, 3)
        .filter(({ finding }) => finding.severity === 'error')
        .map(({ finding }) => ({ level: 'error', text: `${seenAt(finding)}.`, view: 'doctor' }))

function* troublesOf(look: Snapshot): Generator<Trouble> {
  const { servers, application } = look
  const view = 'topology'
  const away = servers.filter(({ problem }) => problem !== undefined)
  if (away.length > 0) {
    const names = list(away.slice(0, 3).map(({ name }) => name))
    const isGrave = away.some(({ role }) => role === 'primary')
    const text = `${names} ${away.length === 1 ? 'does' : 'do'} not answer.`
    yield { level: isGrave ? 'error' : 'warn', text, view }
  }
  const evicting = servers.filter(({ evictedPerSecond = 0 }) => evictedPerSecond > 0)
  if (evicting.length > 0) {
    const total = evicting.reduce((all, { evictedPerSecond = 0 }) => all + evictedPerSecond, 0)
    const text = `Memory is full: ${rate(total)} keys a second are evicted, and people signed out.`
    yield { level: 'error', text, view }
  }
  for (const { name, role, usedMemory, maxMemory } of servers) {
    if (role !== 'primary' || usedMemory === undefined || !maxMemory) continue
    const part = usedMemory / maxMemory
    if (part < 0.75) continue
    const text = `Memory of ${name} is ${percent(part)} full.`
    yield { level: part >= 0.9 ? 'error' : 'warn', text, view }
  }
  for (const { name, role, linked, lagBytes = 0, problem } of servers) {
    if (role !== 'replica' || problem !== undefined) continue
    if (linked === false) {
      yield { level: 'error', text: `${name} has lost its primary.`, view }
    } else if (lagBytes > LAG_WARN) {
      yield { level: 'warn', text: `${name} is ${bytes(lagBytes)} behind its primary.`, view }
    }
  }
  if (application === undefined) return
  if (application.outagesPerSecond > 0) {
    const text = `${rate(application.outagesPerSecond)} requests a second go on without the store.`
    yield { level: 'error', text, view: 'overview' }
  }
  if (application.errorsPerSecond > 0) {
    const text = `Applications report ${rate(application.errorsPerSecond)} errors a second.`
    yield { level: 'warn', text, view: 'overview' }
  }
  for (const { name, failed } of application.operations) {
    if (failed < 0.01) continue
    const text = `${percent(failed)} of “${name}” fail.`
    yield { level: failed >= 0.05 ? 'error' : 'warn', text, view: 'overview' }
  }
  const { cache } = application
  if (cache !== undefined && cache.on < cache.count) {
    const off = cache.count - cache.on
    yield { level: 'info', text: `${plural(off, 'near cache is', 'near caches are')} off.`, view }
  }
  const versions = new Set(look.nodes.map(({ version }) => version))
  if (versions.size > 1) {
    yield { level: 'info', text: `Nodes run ${versions.size} versions of the library.`, view }
  }
}
