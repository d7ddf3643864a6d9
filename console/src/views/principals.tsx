import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Device, PrincipalAnswer } from '../../../src/operations/console/api.ts'
import { plural, until } from '../format.ts'
import { Badge } from '../parts/badge.tsx'
import { Id } from '../parts/detail.tsx'
import { Empty, Failed, Loading } from '../parts/states.tsx'
import { Ago } from '../parts/time.tsx'
import { mayRevoke, revocations, revoke, revokeSession } from '../revoke/state.ts'
import { about, queryOf } from '../state/api.ts'
import { now } from '../state/clock.ts'
import { useLoad } from '../state/load.ts'
import { addressOf, param, setParams } from '../state/route.ts'

/** One principal at a time, by the exact name: nobody is listed who was not looked for. */
export function Principals(): JSX.Element {
  const name = param('name')
  const typed = useSignal(name)
  const field = useRef<HTMLInputElement>(null)
  const [found, again] = useLoad<PrincipalAnswer>(
    name === '' || !about.value?.secrets ? undefined : `principals${queryOf({ name })}`,
  )
  // Before the next key is pressed: it belongs into the field.
  useLayoutEffect(() => {
    typed.value = name
    if (name === '') field.current?.focus()
  }, [name])
  useEffect(() => {
    if (revocations.value > 0) again()
  }, [revocations.value])

  if (about.value && !about.value.secrets) {
    return (
      <Empty title="Without the secrets no principal is found">
        <p>
          Start the console with the application's secrets (and its pepper, if there is one): names
          of principals are stored under a keyed hash only.{' '}
          <a href={addressOf('sessions')}>Sessions</a> can be listed without.
        </p>
      </Empty>
    )
  }
  return (
    <div class="view">
      <h1 class="view-title">Principals</h1>
      <form
        class="search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          const wanted = typed.value.trim()
          if (wanted === name) again()
          else setParams({ name: wanted }, true)
          field.current?.blur()
        }}
      >
        <input
          ref={field}
          data-search
          type="search"
          aria-label="Name of a principal, exactly"
          placeholder="Name of a principal, exactly as the application has it"
          autocomplete="off"
          spellcheck={false}
          value={typed.value}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value
          }}
        />
        <button type="submit">Find</button>
      </form>
      <Answer name={name} found={found.value} again={again} />
    </div>
  )
}

function Answer({
  name,
  found: { answer, problem, busy },
  again,
}: {
  name: string
  found: {
    answer: PrincipalAnswer | undefined
    problem: Parameters<typeof Failed>[0]['problem'] | undefined
    busy: boolean
  }
  again: () => void
}): JSX.Element {
  if (name === '') {
    return (
      <Empty title="Whose sessions?">
        <p>
          Type a name and press Enter. Nobody is listed who was not looked for: who may see one
          person's devices need not see everybody's.
        </p>
      </Empty>
    )
  }
  if (problem) return <Failed problem={problem} again={again} />
  if (answer === undefined || (busy && answer.name !== name))
    return <Loading what={`Looking for ${name}`} />
  if (answer.sessions.length === 0) {
    return (
      <Empty title={`“${answer.name}” has no session`}>
        <p>Signed out everywhere, or written otherwise: names are compared letter by letter.</p>
      </Empty>
    )
  }
  return <Person answer={answer} />
}

function Person({ answer: { name, sessions, total } }: { answer: PrincipalAnswer }): JSX.Element {
  const list = useRef<HTMLUListElement>(null)
  const active = useSignal(0)
  const may = mayRevoke()
  // Whoever has looked for somebody goes on with the keyboard, from the first of the sessions.
  useEffect(() => {
    if (document.activeElement === document.body) focusRow(list.current, 0)
  }, [name])
  const revokeAll = (): void => {
    revoke({ principal: name }, `End all sessions of ${name}`)
  }
  const revokeOthers = (id: string): void => {
    revoke({ principal: name, except: id }, `End all sessions of ${name} but one`)
  }
  const pressed = (event: KeyboardEvent, device: Device, index: number): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const { key } = event
    if (key === 'j' || key === 'ArrowDown') focusRow(list.current, index + 1)
    else if (key === 'k' || key === 'ArrowUp') focusRow(list.current, index - 1)
    else if (key === 'Enter' && event.target === event.currentTarget) {
      location.hash = addressOf('sessions', { open: device.id })
    } else if (may && key === 'r') revokeSession(device.id)
    else if (may && key === 'o' && sessions.length > 1) revokeOthers(device.id)
    else if (may && key === 'a') revokeAll()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <section class="person" aria-label={`Sessions of ${name}`}>
      <header class="bar-head">
        <h2>
          {name}{' '}
          <span class="quiet">
            {plural(total, 'session')}
            {total > sessions.length && `, the oldest ${sessions.length} are shown`}
          </span>
        </h2>
        {may ? (
          <button type="button" class="danger" onClick={revokeAll}>
            End all <kbd>a</kbd>
          </button>
        ) : (
          <Badge mark="info" word="Read only" />
        )}
      </header>
      <ul class="devices" ref={list}>
        {sessions.map((device, index) => (
          <li
            key={device.id}
            data-row={device.id}
            tabIndex={index === Math.min(active.value, sessions.length - 1) ? 0 : -1}
            onFocus={() => {
              active.value = index
            }}
            onKeyDown={(event) => pressed(event, device, index)}
          >
            <DeviceRow device={device} />
            <div class="actions">
              <a class="button" href={addressOf('sessions', { open: device.id })}>
                Inspect
              </a>
              {may && (
                <>
                  <button type="button" onClick={() => revokeSession(device.id)}>
                    End <kbd>r</kbd>
                  </button>
                  {sessions.length > 1 && (
                    <button type="button" onClick={() => revokeOthers(device.id)}>
                      End others <kbd>o</kbd>
                    </button>
                  )}
                </>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

function focusRow(list: HTMLElement | null, index: number): void {
  const rows = list?.querySelectorAll<HTMLElement>('[data-row]')
  rows?.[Math.min(rows.length - 1, Math.max(0, index))]?.focus()
}

function DeviceRow({ device }: { device: Device }): JSX.Element {
  const { id, kind, device: label, address, level, createdAt, lastActiveAt, expiresAt } = device
  return (
    <div class="device">
      <p class="device-name">
        {label ?? 'Unnamed device'}
        {kind && <span class="tag">{kind}</span>}
        {level !== undefined && <span class="tag">level {level}</span>}
      </p>
      <p class="device-facts">
        {address && <span>{address}</span>}
        <span>
          active <Ago at={lastActiveAt} />
        </span>
        <span>
          signed in <Ago at={createdAt} />
        </span>
        <span>ends {until(expiresAt, now.value)}</span>
        <Id id={id} />
      </p>
    </div>
  )
}
