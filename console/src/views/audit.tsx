import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { EventsAnswer, HistoryEntry } from '../../../src/operations/console/api.ts'
import { searchText } from '../entries.ts'
import { plural } from '../format.ts'
import { Badge, type Mark } from '../parts/badge.tsx'
import { Id } from '../parts/detail.tsx'
import { chosenSpan, Since, type Spans } from '../parts/since.tsx'
import { Empty, Failed, Loading } from '../parts/states.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { At } from '../parts/time.tsx'
import { revocations } from '../revoke/state.ts'
import { asProblem, call, type Problem, queryOf } from '../state/api.ts'
import { now } from '../state/clock.ts'
import { addressOf, param, setParams } from '../state/route.ts'

const spans: Spans = [
  ['', { name: 'the last day', ms: 86_400_000 }],
  ['7d', { name: 'the last week', ms: 604_800_000 }],
  ['30d', { name: 'the last 30 days', ms: 2_592_000_000 }],
  ['90d', { name: 'the last 90 days', ms: 7_776_000_000 }],
]
const PAGES = 20

/** What is known of an act of an operator, whatever it was. */
function actOf(entry: HistoryEntry): Record<string, string> {
  const details: object = entry.unreadable ? {} : entry.details
  return Object.fromEntries(
    Object.entries(details).flatMap(([name, value]: [string, unknown]) =>
      Array.isArray(value)
        ? [[name, value.join(' ')]]
        : typeof value === 'string' || typeof value === 'number'
          ? [[name, `${value}`]]
          : [],
    ),
  )
}

/** Each ending is told twice: before it is done, so that none is without an entry, and when it is. */
const badges: Readonly<Record<string, { readonly mark: Mark; readonly word: string }>> = {
  revoke: { mark: 'info', word: 'is to end' },
  revoked: { mark: 'revoked', word: 'ended' },
  values: { mark: 'info', word: 'looked into' },
}
const badgeOf = (action: string): { mark: Mark; word: string } =>
  badges[action] ?? { mark: 'info', word: action }

const columns: readonly Column<HistoryEntry>[] = [
  { id: 'time', title: 'Time', by: ({ at }) => at, cell: ({ at }) => <At at={at} whole /> },
  {
    id: 'operator',
    title: 'Operator',
    cell: (entry) => actOf(entry)['operator'] ?? <span class="quiet">–</span>,
  },
  {
    id: 'action',
    title: 'Did',
    cell: (entry) =>
      entry.unreadable ? (
        <Badge mark="unknown" word="sealed with other secrets" />
      ) : (
        <Badge {...badgeOf(actOf(entry)['action'] ?? entry.event)} />
      ),
  },
  {
    id: 'of',
    title: 'Of',
    growNarrow: true,
    cell: (entry) => {
      const { principal, id, filter, ids, found } = actOf(entry)
      if (principal) return <a href={addressOf('principals', { name: principal })}>{principal}</a>
      if (ids) {
        const [first = ''] = ids.split(' ')
        return (
          <>
            <Id id={first} /> and {Number(found) - 1} more
          </>
        )
      }
      return id ? <Id id={id} /> : <span class="quiet">{filter ?? '–'}</span>
    },
  },
  {
    id: 'ended',
    title: 'Sessions',
    numeric: true,
    wide: true,
    cell: (entry) => actOf(entry)['revoked'] ?? actOf(entry)['found'] ?? '',
  },
  {
    id: 'reason',
    title: 'Why',
    grow: true,
    wide: true,
    cell: (entry) => actOf(entry)['reason'] ?? '',
  },
]

export function Audit(): JSX.Element {
  const entries = useSignal<readonly HistoryEntry[]>([])
  const busy = useSignal(true)
  const problem = useSignal<Problem | undefined>(undefined)
  const turn = useSignal(0)
  const span = chosenSpan(spans)
  const query = param('q').trim().toLowerCase()

  useEffect(() => {
    const abort = new AbortController()
    const load = async (): Promise<void> => {
      busy.value = true
      problem.value = undefined
      try {
        const found: HistoryEntry[] = []
        let after: string | undefined
        const from = String(now.peek() - span.ms)
        for (let page = 0; page < PAGES; page++) {
          const answer = await call<EventsAnswer>(
            `audit${queryOf(after === undefined ? { from } : { after })}`,
            { signal: abort.signal },
          )
          found.push(...answer.entries)
          if (!answer.more || answer.position === undefined) break
          after = answer.position
        }
        entries.value = found.toReversed()
      } catch (error) {
        if (abort.signal.aborted) return
        problem.value = asProblem(error)
      }
      busy.value = false
    }
    void load()
    return () => abort.abort()
  }, [span.ms, turn.value, revocations.value])

  const shown =
    query === ''
      ? entries.value
      : entries.value.filter((entry) => searchText(entry).includes(query))
  return (
    <div class="view">
      <h1 class="view-title">
        Audit <span class="quiet">what operators did, here and at the command line</span>
      </h1>
      <div class="filters" role="search" aria-label="Filters">
        <label class="grow">
          <span>Search</span>
          <input
            data-search
            type="search"
            placeholder="Operator, principal, session, reason"
            spellcheck={false}
            value={param('q')}
            onInput={({ currentTarget }) => setParams({ q: currentTarget.value })}
          />
        </label>
        <Since spans={spans} />
      </div>
      {shown.length > 0 ? (
        <Table
          label="What operators did"
          virtual
          columns={columns}
          rows={shown}
          keyOf={({ position }) => position}
          onOpen={(entry) => {
            const { principal, id } = actOf(entry)
            if (principal) location.hash = addressOf('principals', { name: principal })
            else if (id) location.hash = addressOf('sessions', { open: id })
          }}
        />
      ) : problem.value ? (
        <Failed problem={problem.value} again={() => turn.value++} />
      ) : busy.value ? (
        <Loading what="Reading the audit" />
      ) : (
        <Empty
          title={entries.value.length > 0 ? 'None of them matches' : 'Nobody has done anything'}
        >
          <p>
            {entries.value.length > 0
              ? `${plural(entries.value.length, 'entry', 'entries')} in ${span.name}.`
              : `Not in ${span.name}. Whoever ends a session from here is listed, with the reason.`}
          </p>
        </Empty>
      )}
      {shown.length > 0 && (
        <footer class="list-foot">
          <span>{plural(shown.length, 'entry', 'entries')}</span>
        </footer>
      )}
    </div>
  )
}
