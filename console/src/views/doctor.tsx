import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { DoctorAnswer } from '../../../src/operations/console/api.ts'
import type { RuleResult } from '../../../src/operations/doctor/examine.ts'
import type { Finding, Severity } from '../../../src/operations/doctor/finding.ts'
import { commandIn, severities } from '../doctor.ts'
import { plural, span } from '../format.ts'
import { Badge, Shape } from '../parts/badge.tsx'
import { Failed, Loading } from '../parts/states.tsx'
import { Ago } from '../parts/time.tsx'
import { beExamined, examination, examineAgain } from '../state/examination.ts'
import { param, setParams } from '../state/route.ts'

export function Doctor(): JSX.Element {
  const { answer, problem, busy } = examination.value
  useEffect(() => void beExamined(), [])
  return (
    <div class="view">
      <header class="bar-head">
        <h1 class="view-title">Doctor</h1>
        {answer && (
          <span class="quiet">
            looked <Ago at={answer.at} />, counters compared over {span(answer.window)}
          </span>
        )}
        <span class="spacer" />
        <button type="button" onClick={() => void examineAgain()} disabled={busy}>
          {busy ? 'Examining …' : 'Examine again'}
        </button>
      </header>
      {problem && <Failed problem={problem} again={() => void examineAgain()} />}
      {answer ? (
        <Examined answer={answer} />
      ) : (
        !problem && (
          <Loading what="Every server is asked; counters are compared over some seconds" />
        )
      )}
    </div>
  )
}

const spoken: Readonly<Record<Severity, readonly [string, string]>> = {
  error: ['to mend now', 'people lose sessions, or will'],
  warn: ['to mend', 'they can be lost'],
  unknown: ['not seen', 'what is not seen may be wrong'],
  info: ['to know', ''],
}

function Examined({ answer: { examination } }: { answer: DoctorAnswer }): JSX.Element {
  const { results, counts } = examination
  const only = param('severity')
  const opened = param('open')
  const groups = [...new Set(results.map(({ group }) => group))]
  const well = results.filter(({ findings }) => findings.length === 0)
  const all = param('show') === 'all'
  useEffect(() => {
    if (opened !== '')
      document.getElementById(`finding-${opened}`)?.scrollIntoView({ block: 'center' })
  }, [opened])
  const total = severities.reduce((sum, severity) => sum + counts[severity], 0)
  return (
    <>
      <div class="tally" role="group" aria-label="What was found">
        {severities.map((severity) => (
          <button
            key={severity}
            type="button"
            class="chip"
            aria-pressed={only === severity}
            disabled={counts[severity] === 0}
            onClick={() => setParams({ severity: only === severity ? undefined : severity })}
          >
            <Shape mark={severity} /> <b>{counts[severity]}</b> {spoken[severity][0]}
          </button>
        ))}
        <button
          type="button"
          class="chip"
          aria-pressed={all}
          onClick={() => setParams({ show: all ? undefined : 'all' })}
        >
          <Shape mark="ok" /> <b>{well.length}</b> well
        </button>
      </div>
      {total === 0 && (
        <p class="lead">
          <Shape mark="ok" size={14} /> Nothing is amiss: {plural(results.length, 'rule')} at{' '}
          {plural(examination.servers.length, 'server')}.
        </p>
      )}
      {groups.map((group) => {
        const shown = results
          .filter((result) => result.group === group)
          .flatMap((result) => result.findings.map((finding) => ({ result, finding })))
          .filter(({ finding }) => only === '' || finding.severity === only)
        const fine = all && only === '' ? well.filter((result) => result.group === group) : []
        if (shown.length + fine.length === 0) return null
        return (
          <section class="group" key={group} aria-label={group}>
            <h2>{group}</h2>
            <ul class="findings">
              {shown.map(({ result, finding }) => (
                <FindingRow
                  key={`${result.id} ${finding.seen}`}
                  result={result}
                  finding={finding}
                  isOpen={
                    opened === result.id ||
                    finding.severity === 'error' ||
                    finding.severity === 'warn'
                  }
                />
              ))}
              {fine.map(({ id, well: said }) => (
                <li key={id} class="fine">
                  <Shape mark="ok" />
                  <span>{said}</span>
                  <code>{id}</code>
                </li>
              ))}
            </ul>
          </section>
        )
      })}
    </>
  )
}

function FindingRow({
  result: { id, well, docs },
  finding,
  isOpen,
}: {
  result: RuleResult
  finding: Finding
  isOpen: boolean
}): JSX.Element {
  const { severity, seen, servers, why, fix } = finding
  return (
    <li id={`finding-${id}`}>
      <details open={isOpen}>
        <summary>
          <Badge mark={severity} />
          <span class="seen">{seen}</span>
          <span class="quiet where">{servers.join(', ')}</span>
          <code>{id}</code>
        </summary>
        <div class="finding-body">
          <p>{why}</p>
          {fix.map((line) => (
            <Fix key={line} line={line} />
          ))}
          <p class="quiet">
            Wanted: {well}. More: <code>{docs}</code>
          </p>
        </div>
      </details>
    </li>
  )
}

function Fix({ line }: { line: string }): JSX.Element {
  const copied = useSignal(false)
  const command = commandIn(line)
  if (command === undefined) return <p class="remedy">{marked(line)}</p>
  return (
    <div class="fix">
      <p>{command === line ? <code>{line}</code> : marked(line)}</p>
      <button
        type="button"
        title={command}
        onClick={() => {
          // Not there on a page without TLS: then it is marked for the person to copy.
          void navigator.clipboard?.writeText(command).then(() => {
            copied.value = true
            setTimeout(() => {
              copied.value = false
            }, 2_000)
          })
        }}
      >
        {copied.value ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}

/** What stands in backticks as code. */
const marked = (line: string): (string | JSX.Element)[] =>
  line.split('`').map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part))
