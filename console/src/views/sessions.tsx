import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { SessionSummary } from '../../../src/operations/console/api.ts'
import { bytes, count, plural, span } from '../format.ts'
import { Id } from '../parts/detail.tsx'
import { Inspector } from '../parts/inspector.tsx'
import { Empty, Failed, Loading } from '../parts/states.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Ago } from '../parts/time.tsx'
import { gone, mayRevoke, revoke, revokeSession } from '../revoke/state.ts'
import { now } from '../state/clock.ts'
import { type Filter, Pass } from '../state/pass.ts'
import { param, setParams } from '../state/route.ts'

const idleFor = ['', '5m', '30m', '2h', '1d', '7d']
const olderThan = ['', '1h', '1d', '7d', '30d']
const largerThan = ['', '1024', '4096', '16384', '65536']

export function Sessions(): JSX.Element {
  const filter: Filter = {
    signedIn: param('signedIn'),
    idleFor: param('idleFor'),
    olderThan: param('olderThan'),
    largerThan: param('largerThan'),
  }
  const open = param('open')
  const key = JSON.stringify(filter)
  const kept = useRef<{ key: string; pass: Pass } | undefined>(undefined)
  if (kept.current?.key !== key) {
    kept.current?.pass.stop()
    kept.current = { key, pass: new Pass(filter) }
  }
  const { pass } = kept.current
  useEffect(() => {
    void pass.more()
    return () => pass.stop()
  }, [pass])

  return (
    <div class={open === '' ? 'view sessions' : 'view sessions with-inspector'}>
      <div class="list-side">
        <h1 class="view-title">Sessions</h1>
        <Filters filter={filter} />
        <Rows pass={pass} open={open} />
      </div>
      {open !== '' && (
        <Inspector key={open} id={open} onClose={() => setParams({ open: undefined })} />
      )}
    </div>
  )
}

function Filters({ filter }: { filter: Filter }): JSX.Element {
  const choose = (name: keyof Filter) => (event: Event & { currentTarget: HTMLSelectElement }) =>
    setParams({ [name]: event.currentTarget.value })
  return (
    <div class="filters" role="search" aria-label="Filters">
      <label>
        <span>Signed in</span>
        <select data-search value={filter.signedIn} onChange={choose('signedIn')}>
          <option value="">any</option>
          <option value="true">yes</option>
          <option value="false">no</option>
        </select>
      </label>
      <Choice
        name="Idle for"
        values={idleFor}
        value={filter.idleFor}
        onChange={choose('idleFor')}
      />
      <Choice
        name="Older than"
        values={olderThan}
        value={filter.olderThan}
        onChange={choose('olderThan')}
      />
      <Choice
        name="Larger than"
        values={largerThan}
        value={filter.largerThan}
        format={(value) => bytes(Number(value))}
        onChange={choose('largerThan')}
      />
    </div>
  )
}

interface ChoiceProps {
  readonly name: string
  readonly values: readonly string[]
  readonly value: string
  readonly format?: (value: string) => string
  readonly onChange: (event: Event & { currentTarget: HTMLSelectElement }) => void
}

function Choice({ name, values, value, format, onChange }: ChoiceProps): JSX.Element {
  // An address may hold one that is not on the list.
  const all = values.includes(value) ? values : [...values, value]
  return (
    <label>
      <span>{name}</span>
      <select value={value} onChange={onChange}>
        {all.map((each) => (
          <option key={each} value={each}>
            {each === '' ? 'any' : (format?.(each) ?? spoken(each))}
          </option>
        ))}
      </select>
    </label>
  )
}

const spoken = (text: string): string =>
  text.replace(
    /^(\d+)([smhd])$/,
    (_, amount: string, unit: string) => `${amount} ${unit === 'm' ? 'min' : unit}`,
  )

const columns = (
  selected: ReadonlySet<string>,
  toggle: (id: string) => void,
): Column<SessionSummary>[] => [
  ...(mayRevoke()
    ? [
        {
          id: 'Selected',
          title: '',
          cell: ({ id }: SessionSummary) => (
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label={`Select ${id}`}
              checked={selected.has(id)}
              onChange={() => toggle(id)}
            />
          ),
        },
      ]
    : []),
  {
    id: 'principal',
    title: 'Principal',
    grow: true,
    by: ({ principal }) => principal ?? '',
    cell: ({ principal, signedIn }) =>
      principal ?? <span class="quiet">{signedIn ? 'signed in, not to be opened' : 'nobody'}</span>,
  },
  { id: 'id', title: 'Session', wide: true, cell: ({ id }) => <Id id={id} /> },
  {
    id: 'active',
    title: 'Active',
    by: ({ lastActiveAt }) => lastActiveAt,
    cell: ({ lastActiveAt }) => <Ago at={lastActiveAt} />,
  },
  {
    id: 'made',
    title: 'Made',
    wide: true,
    by: ({ createdAt }) => createdAt,
    cell: ({ createdAt }) => <Ago at={createdAt} />,
  },
  {
    id: 'left',
    title: 'Left',
    numeric: true,
    by: ({ expiresAt }) => expiresAt,
    cell: ({ expiresAt }) => span(Math.max(0, expiresAt - now.value)),
  },
  {
    id: 'size',
    title: 'Size',
    numeric: true,
    by: ({ bytes }) => bytes,
    cell: (session) => bytes(session.bytes),
  },
]

/** Left out while a session stands beside the list. */
const beside = ['id', 'made']

function Rows({ pass, open }: { pass: Pass; open: string }): JSX.Element {
  const selected = useSignal<ReadonlySet<string>>(new Set())
  const { sessions, problem, busy, looked, total, isDone, isFull } = pass.state.value
  const rows = gone.value.size === 0 ? sessions : sessions.filter(({ id }) => !gone.value.has(id))
  const chosen = [...selected.value].filter((id) => !gone.value.has(id))
  const toggle = (id: string): void => {
    const next = new Set(selected.value)
    if (!next.delete(id)) next.add(id)
    selected.value = next
  }
  const endChosen = (): void => {
    revoke({ ids: chosen }, `End ${plural(chosen.length, 'session')}`)
  }
  return (
    <>
      {rows.length > 0 ? (
        <Table
          label="Sessions"
          virtual
          columns={columns(selected.value, toggle).filter(
            ({ id }) => open === '' || !beside.includes(id),
          )}
          rows={rows}
          keyOf={({ id }) => id}
          opened={open}
          tone={({ id }) => (selected.value.has(id) ? 'selected' : undefined)}
          sort={param('sort')}
          onSort={(sort) => setParams({ sort })}
          onOpen={({ id }) => setParams({ open: id }, open === '')}
          onKey={({ id }, key) => {
            if (!mayRevoke()) return false
            if (key === 'x') toggle(id)
            else if (key !== 'r') return false
            else if (chosen.length > 0) endChosen()
            else revokeSession(id)
            return true
          }}
        />
      ) : problem ? (
        <Failed problem={problem} again={() => void pass.more()} />
      ) : busy ? (
        <Loading what="Looking through the keys" />
      ) : isDone ? (
        <Empty title="No such session">
          <p>The whole of the store was looked through.</p>
        </Empty>
      ) : (
        <Empty title="None so far">
          <p>{count(looked)} keys were looked at. Look further, or ask for less.</p>
        </Empty>
      )}
      {rows.length > 0 && problem && (
        <p class="notice error" role="alert">
          {problem.message}
        </p>
      )}
      <footer class="list-foot">
        <span class="progress" aria-hidden="true">
          <span
            style={{
              width: `${isDone ? 100 : total === 0 ? 0 : Math.min(100, (looked / total) * 100)}%`,
            }}
          />
        </span>
        <span>
          {plural(rows.length, 'session')}
          <span class="quiet">
            {isDone ? ', and that is all' : ` in ${count(looked)} of about ${count(total)} keys`}
          </span>
        </span>
        <span class="spacer" />
        {chosen.length > 0 && (
          <button type="button" class="danger" onClick={endChosen}>
            End {count(chosen.length)} selected
          </button>
        )}
        {busy ? (
          <button type="button" onClick={() => pass.stop()}>
            Stop
          </button>
        ) : (
          !isDone && (
            <button type="button" onClick={() => void pass.more()} disabled={isFull}>
              {isFull ? 'The list is full: ask for less' : 'Look further'}
            </button>
          )
        )}
      </footer>
    </>
  )
}
