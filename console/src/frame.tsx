import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { span } from './format.ts'
import { Shape } from './parts/badge.tsx'
import { about } from './state/api.ts'
import { helpIsOpen } from './state/keys.ts'
import { age, connection, isStale, paused, snapshot, togglePause, trouble } from './state/live.ts'
import { addressOf, route, views } from './state/route.ts'
import { nextTheme, theme } from './state/theme.ts'

export function Header(): JSX.Element {
  const { environment, prefix = '', access, operator } = about.value ?? {}
  return (
    <header class="top">
      <a class="brand" href={addressOf('overview')} aria-label="Sojourn, overview">
        <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
          <rect width="16" height="16" rx="3.5" fill="var(--accent)" />
          <path
            d="M4 5h8M4 8h5M4 11h8"
            stroke="var(--on-accent)"
            stroke-width="1.6"
            stroke-linecap="round"
          />
          <circle cx="11.6" cy="8" r="1.3" fill="var(--on-accent)" />
        </svg>
        <span>Sojourn</span>
      </a>
      <span class="where-we-are">
        {environment && <span class="environment">{environment}</span>}
        <code title="Prefix of the keys">{prefix}</code>
        <Access may={access === 'write'} />
      </span>
      <span class="spacer" />
      <span class="who-we-are wide">
        {operator}{' '}
        <span class="quiet">{access === 'write' ? 'may end sessions' : 'reads only'}</span>
      </span>
      <Live />
      <button
        type="button"
        class="plain"
        aria-pressed={paused.value}
        aria-label={paused.value ? 'Go on' : 'Pause'}
        title={paused.value ? 'Go on (p)' : 'Pause (p)'}
        onClick={togglePause}
      >
        <svg width="14" height="14" viewBox="0 0 12 12" aria-hidden="true" fill="currentColor">
          {paused.value ? (
            <path d="M2.5 1v10l8-5Z" />
          ) : (
            <path d="M2.5 1h2.3v10H2.5zM7.2 1h2.3v10H7.2z" />
          )}
        </svg>
      </button>
      <button
        type="button"
        class="plain"
        aria-label={`Colours: ${theme.value}`}
        title={`Colours: ${theme.value === 'system' ? 'as the system' : theme.value} (t)`}
        onClick={nextTheme}
      >
        <svg width="15" height="15" viewBox="0 0 14 14" aria-hidden="true">
          <circle cx="7" cy="7" r="5.6" fill="none" stroke="currentColor" stroke-width="1.2" />
          {theme.value === 'system' ? (
            <path d="M7 1.4a5.6 5.6 0 0 1 0 11.2Z" fill="currentColor" />
          ) : theme.value === 'dark' ? (
            <circle cx="7" cy="7" r="5.6" fill="currentColor" />
          ) : (
            <circle cx="7" cy="7" r="1.8" fill="currentColor" />
          )}
        </svg>
      </button>
      <button
        type="button"
        class="plain wide"
        aria-label="Keys"
        title="Keys (?)"
        onClick={() => {
          helpIsOpen.value = true
        }}
      >
        ?
      </button>
    </header>
  )
}

/** Where there is no room for the words. */
function Access({ may }: { may: boolean }): JSX.Element {
  const word = may ? 'You may end sessions' : 'Reads only'
  return (
    <svg class="access" width="12" height="12" viewBox="0 0 12 12" role="img" aria-label={word}>
      <title>{word}</title>
      {may ? (
        <path d="m1.5 10.5.5-2.6L8.3 1.6l2.1 2.1L4.1 10Z" fill="none" stroke="currentColor" />
      ) : (
        <path d="M2.5 5.5h7v5h-7ZM4 5.5V3.5a2 2 0 0 1 4 0v2" fill="none" stroke="currentColor" />
      )}
    </svg>
  )
}

/** How fresh all of it is: a shape, a word, and how old the newest look is. */
function Live(): JSX.Element {
  const state = paused.value ? 'paused' : connection.value
  const word = { paused: 'Paused', live: 'Live', stale: 'Stale', connecting: 'Connecting' }[state]
  const old = age.value < 1_500 ? 'now' : span(age.value)
  return (
    <span class={`live is-${state}`}>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
        {state === 'live' && <circle cx="5" cy="5" r="4" fill="currentColor" />}
        {state === 'connecting' && (
          <circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" />
        )}
        {state === 'stale' && <path d="M5 .8 9.6 9H.4Z" fill="currentColor" />}
        {state === 'paused' && <path d="M1.5 1h2.4v8H1.5zM6 1h2.4v8H6z" fill="currentColor" />}
      </svg>
      <span role="status">{word}</span>
      <span class="quiet age" title="Age of what is shown">
        {state === 'connecting' ? '' : old}
      </span>
    </span>
  )
}

export function Navigation(): JSX.Element {
  const current = route.value.unknown === undefined ? route.value.view : undefined
  const look = snapshot.value
  const here = useRef<HTMLAnchorElement>(null)
  // On a narrow page they stand side by side, and not all of them are in sight.
  useEffect(() => here.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [current])
  return (
    <nav aria-label="Views">
      <ul>
        {views.map(({ id, name, key }) => (
          <li key={id}>
            <a
              ref={id === current ? here : null}
              href={addressOf(id)}
              aria-current={id === current ? 'page' : undefined}
            >
              <span>{name}</span>
              <kbd aria-hidden="true">g {key}</kbd>
            </a>
          </li>
        ))}
      </ul>
      <p class="nav-foot quiet">
        {look && { single: 'One server', sentinel: 'Sentinel', cluster: 'Cluster' }[look.kind]}
        <br />
        Sojourn {about.value?.version}
      </p>
    </nav>
  )
}

/** It takes connections, or commands, and says nothing. */
const HANGS = /does not answer:|did not answer/
const LIKELY = 'It did before: the server hangs, or the network to it is cut.'

/** Says that values are old, since when, and why as far as it is known. It goes by itself. */
export function StaleBanner(): JSX.Element | null {
  if (!isStale()) return null
  const told = trouble.value
  const isConsole = told?.code === 'CONSOLE_AWAY'
  return (
    <div class="stale-banner">
      <Shape mark="warn" />
      <p>
        <b role="alert">
          {isConsole
            ? 'The console does not answer.'
            : told || snapshot.value
              ? 'The store does not answer.'
              : 'Nobody has seen the store yet.'}
        </b>{' '}
        {snapshot.value
          ? `What is shown is ${span(age.value)} old.`
          : 'There is nothing to show yet.'}{' '}
        {told && snapshot.value && HANGS.test(told.message) && <>{LIKELY} </>}
        {told && !isConsole && <span class="quiet">{told.message.replace(/\.?$/, '.')} </span>}
        <span class="quiet">It is tried again by itself.</span>
      </p>
    </div>
  )
}
