import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { DoctorAnswer, Snapshot } from '../../../src/operations/console/api.ts'
import { seenAt, topFindings } from '../doctor.ts'
import { bytes, capital, count, percent, plural, rate, span } from '../format.ts'
import { Shape } from '../parts/badge.tsx'
import { RateBars } from '../parts/bars.tsx'
import { Figures } from '../parts/figures.tsx'
import { HistogramBars } from '../parts/histogram.tsx'
import { MemoryMeter } from '../parts/meter.tsx'
import { Operations } from '../parts/operations.tsx'
import { Empty, Loading } from '../parts/states.tsx'
import { noReports, toHear } from '../reports.ts'
import { stateOf } from '../server-state.ts'
import { now } from '../state/clock.ts'
import { beExamined, type ExaminationState, examination } from '../state/examination.ts'
import { isStale, snapshot } from '../state/live.ts'
import { addressOf } from '../state/route.ts'
import { beforeDoctor, type Verdict, verdictOn } from '../verdict.ts'

/** Milliseconds. */
const EXAMINED_EVERY = 5 * 60_000

export function Overview(): JSX.Element {
  const look = snapshot.value
  const doctor = examination.value
  // Again when servers answer that did not, for doctor could not look either; and where it stays on a wall.
  const canLook = look !== undefined && !isStale()
  const period = Math.floor(now.value / EXAMINED_EVERY)
  useEffect(() => {
    if (canLook) void beExamined()
  }, [canLook, period])
  if (look === undefined) return <Loading what="Looking at the servers" />
  const unheard = `${capital(noReports(look))}${look.reports === 'awaited' ? '' : '.'}`
  return (
    <div class="bands">
      <VerdictBand look={look} doctor={doctor} />
      <Figures look={look} />
      <section class="band split" aria-label="Work">
        <Operations look={look} />
        <div class="pair">
          <RateBars
            title="Sessions end by"
            rates={look.application?.ended ?? {}}
            empty={look.application ? 'None ends now.' : unheard}
            tone={(name) => (name === 'revoked' || name === 'evicted' ? 'revoked' : 'plain')}
          />
          <RateBars
            title="Cookies are refused for"
            rates={look.application?.rejected ?? {}}
            empty={look.application ? 'None is refused now.' : unheard}
            tone={(name) => (name === 'forged' || name === 'reused' ? 'warn' : 'plain')}
          />
        </div>
      </section>
      <section class="band split" aria-label="Servers and findings">
        <Headroom look={look} />
        <Findings answer={doctor.answer} busy={doctor.busy} />
      </section>
      <Shapes look={look} />
    </div>
  )
}

/** What was so before may not be so any more. */
const UNKNOWN: Verdict = {
  level: 'unknown',
  text: 'How it is now is not known.',
  more: ['What is below was so when it was seen last.'],
  view: undefined,
}

function VerdictBand({
  look,
  doctor: { answer, problem },
}: {
  look: Snapshot
  doctor: ExaminationState
}): JSX.Element {
  const verdict = verdictOn(look, answer)
  const known = answer === undefined ? beforeDoctor(verdict, problem !== undefined) : verdict
  const { level, text, more, view } = isStale() ? UNKNOWN : known
  const primaries = look.servers.filter(({ role }) => role === 'primary').length
  const replicas = look.servers.filter(({ role }) => role === 'replica').length
  const kinds = { single: 'One server', sentinel: 'With Sentinels', cluster: 'Cluster' }
  const versions = [...new Set(look.servers.flatMap(({ version }) => version ?? []))]
  return (
    <section class={`verdict ${level}`} aria-label="Verdict">
      <Shape mark={level} size={20} />
      <div>
        <h1>{view ? <a href={addressOf(view)}>{text}</a> : text}</h1>
        {more.length > 0 && <p class="more">{more.join(' ')}</p>}
        <p class="quiet">
          {kinds[look.kind]}
          {` · ${primaries} ${primaries === 1 ? 'primary' : 'primaries'}`}
          {replicas > 0 && ` · ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`}
          {versions.length > 0 && ` · ${versions.join(', ')}`}
          {` · ${look.reports !== 'heard' || look.nodes.length === 0 ? noReports(look) : plural(look.nodes.length, 'node')}`}
        </p>
        {look.reports === 'refused' && (
          <p class="quiet">
            {toHear(look.prefix)} <code>sojourn acl --role ops</code>.
          </p>
        )}
      </div>
    </section>
  )
}

function Headroom({ look }: { look: Snapshot }): JSX.Element {
  const primaries = look.servers.filter(({ role }) => role !== 'sentinel')
  return (
    <section>
      <h2>
        <a href={addressOf('topology')}>Servers</a>
      </h2>
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Server</th>
            <th scope="col">Memory</th>
            <th scope="col" class="number wide">
              Commands /s
            </th>
            <th scope="col" class="number wide">
              Behind
            </th>
          </tr>
        </thead>
        <tbody>
          {primaries.slice(0, 8).map((server) => (
            <tr key={server.name}>
              <td>
                <Shape mark={stateOf(server)[0]} size={10} /> {server.name}{' '}
                <span class="quiet">{server.role}</span>
              </td>
              {server.problem === undefined ? (
                <>
                  <td>
                    <MemoryMeter used={server.usedMemory} limit={server.maxMemory} />
                  </td>
                  <td class="number wide">{rate(server.opsPerSecond)}</td>
                  <td class="number wide">
                    {server.role === 'replica' ? bytes(server.lagBytes) : ''}
                  </td>
                </>
              ) : (
                <td colSpan={3} class="bad">
                  {server.problem}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {primaries.length > 8 && (
        <p class="quiet">
          <a href={addressOf('topology')}>and {primaries.length - 8} more</a>
        </p>
      )}
    </section>
  )
}

function Findings({
  answer,
  busy,
}: {
  answer: DoctorAnswer | undefined
  busy: boolean
}): JSX.Element {
  const found = answer === undefined ? [] : topFindings(answer, 3)
  return (
    <section>
      <h2>
        <a href={addressOf('doctor')}>What doctor has found</a>
      </h2>
      {answer === undefined ? (
        <p class="quiet">{busy ? 'Examining …' : 'It has not looked yet.'}</p>
      ) : found.length === 0 ? (
        <p class="quiet">{nothingIn(answer)}</p>
      ) : (
        <ul class="findings-short">
          {found.map(({ id, finding }) => (
            <li key={`${id} ${finding.seen}`}>
              <Shape mark={finding.severity} />
              <div>
                <a href={addressOf('doctor', { open: id })}>{seenAt(finding)}</a>
                <p class="quiet">{finding.why}</p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Shapes({ look }: { look: Snapshot }): JSX.Element {
  const { ttl, age, size, sampled, averageBytes, attributes } = look.sessions
  if (sampled === 0) {
    return (
      <section class="band" aria-label="What sessions look like">
        <Empty title="No session in the sample">
          <p>Once somebody has one, their ages and sizes are drawn here.</p>
        </Empty>
      </section>
    )
  }
  return (
    <section class="band" aria-label="What sessions look like">
      <h2>
        What sessions look like <span class="quiet">in a sample of {count(sampled)}</span>
      </h2>
      <div class="thirds">
        <HistogramBars
          title="Idle time left"
          note="if nobody comes"
          histogram={ttl}
          format={span}
        />
        <HistogramBars title="Age" note="since they were made" histogram={age} format={span} />
        <HistogramBars
          title="Size"
          note={averageBytes === undefined ? 'as stored' : `${bytes(averageBytes)} on average`}
          histogram={size}
          format={bytes}
        />
      </div>
      {attributes.length > 0 && (
        <table class="plain-table attributes">
          <caption class="label">Attributes, by what they take</caption>
          <thead>
            <tr>
              <th scope="col">Attribute</th>
              <th scope="col">Part of all bytes</th>
              <th scope="col" class="number">
                Sessions
              </th>
              <th scope="col" class="number">
                Average
              </th>
              <th scope="col" class="number wide">
                Largest
              </th>
            </tr>
          </thead>
          <tbody>
            {attributes.slice(0, 6).map((attribute) => (
              <tr key={attribute.name}>
                <td>
                  <code>{attribute.name}</code>
                </td>
                <td>
                  <span class="meter-line">
                    <span class="meter plain" aria-hidden="true">
                      <span style={{ width: `${attribute.share * 100}%` }} />
                    </span>
                    {percent(attribute.share)}
                  </span>
                </td>
                <td class="number">{percent(attribute.present)}</td>
                <td class="number">{bytes(attribute.averageBytes)}</td>
                <td class="number wide">{bytes(attribute.largestBytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

/** What is not seen may be to mend. */
function nothingIn({ examination: { counts } }: DoctorAnswer): string {
  if (counts.unknown === 0) return 'Nothing to mend.'
  return `Nothing to mend in what was seen; ${plural(counts.unknown, 'thing')} could not be seen.`
}
