import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { HistoryEntry } from '../../../src/operations/console/api.ts'
import { searchText, tell } from '../entries.ts'
import { count, plural, rate } from '../format.ts'
import { Badge } from '../parts/badge.tsx'
import { Id } from '../parts/detail.tsx'
import { chosenSpan, Since, type Spans } from '../parts/since.tsx'
import { Empty, Failed, Loading } from '../parts/states.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { At } from '../parts/time.tsx'
import { EventList, MOST_EVENTS } from '../state/event-list.ts'
import { onEvents, paused, snapshot, togglePause } from '../state/live.ts'
import { addressOf, param, setParams } from '../state/route.ts'

const spans: Spans = [
  ['', { name: 'the last minute', ms: 60_000 }],
  ['15m', { name: 'the last 15 minutes', ms: 900_000 }],
  ['1h', { name: 'the last hour', ms: 3_600_000 }],
  ['1d', { name: 'the last day', ms: 86_400_000 }],
]

const columns: readonly Column<HistoryEntry>[] = [
  { id: 'time', title: 'Time', cell: ({ at }) => <At at={at} /> },
  {
    id: 'event',
    title: 'Event',
    cell: (entry) => <Badge mark={tell(entry).mark} word={entry.event} />,
  },
  {
    id: 'principal',
    title: 'Principal',
    growNarrow: true,
    cell: (entry) => {
      const { principal } = tell(entry)
      return principal === undefined ? (
        <span class="quiet">–</span>
      ) : (
        <a href={addressOf('principals', { name: principal })}>{principal}</a>
      )
    },
  },
  {
    id: 'rest',
    title: 'What else',
    grow: true,
    wide: true,
    cell: (entry) => <span class="quiet">{tell(entry).rest}</span>,
  },
  {
    id: 'session',
    title: 'Session',
    wide: true,
    cell: (entry) => {
      const { id } = tell(entry)
      return id === undefined ? '' : <Id id={id} />
    },
  },
]

export function Events(): JSX.Element {
  const kept = useRef<EventList | undefined>(undefined)
  kept.current ??= new EventList()
  const list = kept.current
  const { ms } = chosenSpan(spans)
  const event = param('event')
  const text = useSignal(param('q'))

  useEffect(() => onEvents((events) => list.take(events)), [list])
  useEffect(() => {
    const abort = new AbortController()
    list.clear()
    void list.earlier(ms, abort.signal)
    return () => abort.abort()
  }, [list, ms])
  useEffect(() => list.pause(paused.value), [list, paused.value])

  const { entries, waiting, dropped, skipped, isLoading, problem } = list.state.value
  const query = text.value.trim().toLowerCase()
  const shown = useComputed(() =>
    list.state.value.entries.filter(
      (entry) =>
        (param('event') === '' || entry.event === param('event')) &&
        (text.value.trim() === '' || searchText(entry).includes(text.value.trim().toLowerCase())),
    ),
  ).value
  const rates = Object.entries(snapshot.value?.events.perSecond ?? {}).sort(([, a], [, b]) => b - a)
  const isKept = snapshot.value?.events.kept ?? true
  const isAbout = snapshot.value?.events.about ?? false
  return (
    <div class="view">
      <h1 class="view-title">Events</h1>
      <div class="filters" role="search" aria-label="Filters">
        <label class="grow">
          <span>Search</span>
          <input
            data-search
            type="search"
            placeholder="Principal, session, address"
            spellcheck={false}
            value={text.value}
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value
              setParams({ q: currentTarget.value })
            }}
          />
        </label>
        <label>
          <span>Event</span>
          <select
            value={event}
            onChange={({ currentTarget }) => setParams({ event: currentTarget.value })}
          >
            <option value="">all</option>
            {namesOf(entries, event, rates).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <Since spans={spans} />
        <button type="button" onClick={() => download(shown)} disabled={shown.length === 0}>
          Export
        </button>
      </div>
      {rates.length > 0 && (
        <ul class="rate-line" aria-label="Events a second">
          {rates.slice(0, 8).map(([name, value]) => (
            <li key={name}>
              {name}{' '}
              <b>
                {isAbout && '≈ '}
                {rate(value)}
              </b>{' '}
              /s
            </li>
          ))}
        </ul>
      )}
      {paused.value && (
        <button type="button" class="notice as-button" onClick={togglePause}>
          {waiting === 0 ? 'Paused: nothing new' : `${count(waiting)} new`}{' '}
          <span class="quiet">show them</span> <kbd>p</kbd>
        </button>
      )}
      {shown.length > 0 ? (
        <Table
          label="Events"
          virtual
          columns={columns}
          rows={shown}
          keyOf={({ position }) => position}
          onOpen={open}
        />
      ) : problem ? (
        <Failed problem={problem} />
      ) : isLoading ? (
        <Loading what="Reading the audit" />
      ) : !isKept ? (
        <Empty title="No audit is kept">
          <p>
            Events of all nodes are read from the audit:{' '}
            <code>createSessions({'{ audit: true }'})</code>.
          </p>
        </Empty>
      ) : entries.length > 0 ? (
        <Empty title="None of them matches">
          <p>
            {plural(entries.length, 'event')} {entries.length === 1 ? 'is' : 'are'} here
            {query && <> , none with “{query}”</>}.
          </p>
        </Empty>
      ) : (
        <Empty title="Nothing has happened">
          <p>What happens from now on comes in by itself.</p>
        </Empty>
      )}
      <footer class="list-foot">
        <span>
          {plural(shown.length, 'event')}
          {entries.length >= MOST_EVENTS && (
            <span class="quiet"> the latest {count(MOST_EVENTS)} are kept here</span>
          )}
        </span>
        <span class="spacer" />
        {(dropped > 0 || skipped) && (
          <Badge
            mark="warn"
            word={`${count(dropped)}${skipped ? ' and more' : ''} came faster than they can be shown`}
          />
        )}
      </footer>
    </div>
  )
}

function open(entry: HistoryEntry): void {
  const { id } = tell(entry)
  if (id !== undefined) location.hash = addressOf('sessions', { open: id })
}

function namesOf(
  entries: readonly HistoryEntry[],
  chosen: string,
  rates: readonly (readonly [string, number])[],
): string[] {
  const names = new Set([...entries.map(({ event }) => event), ...rates.map(([name]) => name)])
  if (chosen !== '') names.add(chosen)
  return [...names].sort()
}

/** A line of JSON each, oldest first, as `sojourn tail --json` has them. */
function download(entries: readonly HistoryEntry[]): void {
  const text = entries.toReversed().map((entry) => `${JSON.stringify(entry)}\n`)
  const url = URL.createObjectURL(new Blob(text, { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `events-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.ndjson`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
