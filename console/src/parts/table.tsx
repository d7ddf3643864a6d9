import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'

export interface Column<Row> {
  readonly id: string
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** Numbers stand at the right. */
  readonly numeric?: boolean
  /** Left out where the page is narrow: what can be missed, or is shown once the row is open. */
  readonly wide?: boolean
  /** Takes what is left of the width. */
  readonly grow?: boolean
  /** The same where the page is narrow. */
  readonly growNarrow?: boolean
  /** To sort by; without it the column is not sorted. */
  readonly by?: (row: Row) => number | string
}

interface Props<Row> {
  /** Of the table, for those who do not see it. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** Enter, or a click. */
  readonly onOpen?: ((row: Row) => void) | undefined
  /** Another key in a row. @returns whether it meant something */
  readonly onKey?: (row: Row, key: string) => boolean
  readonly opened?: string | undefined
  /** Of a row, to colour it. */
  readonly tone?: (row: Row) => string | undefined
  /** Rows that are not in sight are not made: for thousands of them, each 28 px high. */
  readonly virtual?: boolean
  readonly sort?: string
  readonly onSort?: (sort: string) => void
}

const ROW = 28
/** Rows beyond the edge, so that none is missed while scrolling. */
const SPARE = 8

/** Rows of one line, to be walked with j, k and the arrows. */
export function Table<Row>(props: Props<Row>): JSX.Element {
  const { label, columns, keyOf, onOpen, onKey, opened, tone, virtual = false } = props
  const { sort = '', onSort } = props
  const box = useRef<HTMLDivElement>(null)
  const active = useSignal<string | undefined>(undefined)
  const span = useSignal({ top: 0, height: 600 })
  /** The row that is to have the focus once it is there. */
  const wanted = useRef<string | undefined>(undefined)
  const rows = sorted(props.rows, columns, sort)

  const activeIndex = Math.max(
    0,
    rows.findIndex((row) => keyOf(row) === active.value),
  )
  const first = virtual ? Math.max(0, Math.floor(span.value.top / ROW) - SPARE) : 0
  const last = virtual
    ? Math.min(rows.length, Math.ceil((span.value.top + span.value.height) / ROW) + SPARE)
    : rows.length

  useEffect(() => {
    const element = box.current
    if (!virtual || element === null) return
    const look = (): void => {
      span.value = { top: element.scrollTop, height: element.clientHeight }
    }
    look()
    element.addEventListener('scroll', look, { passive: true })
    const resized = new ResizeObserver(look)
    resized.observe(element)
    return () => {
      element.removeEventListener('scroll', look)
      resized.disconnect()
    }
  }, [virtual])

  // Before the next key is pressed.
  useLayoutEffect(() => {
    if (wanted.current === undefined) return
    const row = box.current?.querySelector<HTMLElement>(
      `[data-row="${CSS.escape(wanted.current)}"]`,
    )
    if (!row) return
    wanted.current = undefined
    row.focus({ preventScroll: true })
    row.scrollIntoView({ block: 'nearest' })
  })

  const walk = (index: number): void => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index))]
    if (row === undefined) return
    wanted.current = keyOf(row)
    active.value = wanted.current
    const element = box.current
    if (!virtual || element === null) return
    const at = Math.min(rows.length - 1, Math.max(0, index)) * ROW
    if (at < element.scrollTop) element.scrollTop = at
    else if (at + 2 * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = at + 2 * ROW - element.clientHeight
    }
    span.value = { top: element.scrollTop, height: element.clientHeight }
  }

  const pressed = (event: KeyboardEvent, row: Row, index: number): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target instanceof Element && event.target.closest('button, a, input')) return
    const { key } = event
    const page = Math.max(1, Math.floor(span.value.height / ROW) - 2)
    if (key === 'j' || key === 'ArrowDown') walk(index + 1)
    else if (key === 'k' || key === 'ArrowUp') walk(index - 1)
    else if (key === 'Home') walk(0)
    else if (key === 'End') walk(rows.length - 1)
    else if (key === 'PageDown') walk(index + page)
    else if (key === 'PageUp') walk(index - page)
    else if (key === 'Enter' && onOpen) onOpen(row)
    else if (!onKey?.(row, key)) return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    // biome-ignore lint: a region that scrolls is reached by keyboard through its rows, or by itself
    <div
      class={virtual ? 'table-box virtual' : 'table-box'}
      ref={box}
      tabIndex={virtual || rows.length === 0 ? 0 : undefined}
      role={virtual ? 'region' : undefined}
      aria-label={virtual ? label : undefined}
    >
      <table aria-rowcount={virtual ? rows.length + 1 : undefined} aria-label={label}>
        <thead>
          <tr aria-rowindex={virtual ? 1 : undefined}>
            {columns.map((column) => (
              <Head key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <Filler rows={first} columns={columns.length} />}
          {rows.slice(first, last).map((row, offset) => {
            const key = keyOf(row)
            const index = first + offset
            return (
              <tr
                key={key}
                class={tone?.(row)}
                data-row={key}
                tabIndex={index === activeIndex ? 0 : -1}
                aria-rowindex={virtual ? index + 2 : undefined}
                aria-current={opened === key ? 'true' : undefined}
                data-open={onOpen ? '' : undefined}
                onFocus={() => {
                  active.value = key
                }}
                onClick={(event) => {
                  if (event.target instanceof Element && event.target.closest('button, a, input'))
                    return
                  if (getSelection()?.toString()) return
                  onOpen?.(row)
                }}
                onKeyDown={(event) => pressed(event, row, index)}
              >
                {columns.map((column) => (
                  <td key={column.id} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            )
          })}
          {last < rows.length && <Filler rows={rows.length - last} columns={columns.length} />}
        </tbody>
      </table>
    </div>
  )
}

function Head<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>
  sort: string
  onSort: ((sort: string) => void) | undefined
}): JSX.Element {
  const [by, isDown] = [sort.replace(/^-/, ''), sort.startsWith('-')]
  const isSorted = by === column.id
  if (column.by === undefined || onSort === undefined) {
    return (
      <th scope="col" class={classOf(column)}>
        {column.title === '' ? <span class="unseen">{column.id}</span> : column.title}
      </th>
    )
  }
  return (
    <th
      scope="col"
      class={classOf(column)}
      aria-sort={isSorted ? (isDown ? 'descending' : 'ascending') : undefined}
    >
      <button
        type="button"
        class="sort"
        onClick={() => onSort(isSorted && isDown ? column.id : `-${column.id}`)}
      >
        {column.title}
        <span class="arrow" aria-hidden="true">
          {isSorted && !isDown ? '↑' : '↓'}
        </span>
      </button>
    </th>
  )
}

function Filler({ rows, columns }: { rows: number; columns: number }): JSX.Element {
  return (
    <tr class="filler" aria-hidden="true">
      <td colSpan={columns} style={{ height: `${rows * ROW}px` }} />
    </tr>
  )
}

const classOf = <Row,>({ numeric, wide, grow, growNarrow }: Column<Row>): string =>
  [numeric && 'number', wide && 'wide', grow && 'grow', growNarrow && 'grow-narrow']
    .filter(Boolean)
    .join(' ')

function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: string,
): readonly Row[] {
  const by = columns.find(({ id }) => id === sort.replace(/^-/, ''))?.by
  if (by === undefined) return rows
  const sign = sort.startsWith('-') ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)]
    return x === y ? 0 : x < y ? -sign : sign
  })
}
