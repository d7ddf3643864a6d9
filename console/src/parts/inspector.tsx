import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { AttributeAnswer, SessionAnswer } from '../../../src/operations/console/api.ts'
import { bytes, momentOf, plural, span, until } from '../format.ts'
import { gone, mayRevoke, revocations, revokeSession } from '../revoke/state.ts'
import { about } from '../state/api.ts'
import { now } from '../state/clock.ts'
import { useLoad } from '../state/load.ts'
import { addressOf } from '../state/route.ts'
import { Badge } from './badge.tsx'
import { Detail, Details, Id } from './detail.tsx'
import { Empty, Failed, Loading } from './states.tsx'
import { Ago } from './time.tsx'

const closedWords: Readonly<Record<string, string>> = {
  'no secrets': 'The console was started without secrets.',
  key: 'Sealed with a secret that is not among those given.',
  damaged: 'The record is damaged.',
  'token-needed': 'Opens with its cookie only.',
}

/** One session, beside the list. What its attributes hold stays out unless it is asked for, which is audited. */
export function Inspector({ id, onClose }: { id: string; onClose: () => void }): JSX.Element {
  const withValues = useSignal(false)
  const panel = useRef<HTMLElement>(null)
  const path = `sessions/${encodeURIComponent(id)}${withValues.value ? '?values=1' : ''}`
  const [loaded, again] = useLoad<SessionAnswer>(path)
  const { answer, problem } = loaded.value
  useEffect(() => {
    const before = document.activeElement
    panel.current?.focus({ preventScroll: true })
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  useEffect(() => {
    if (revocations.value > 0) again()
  }, [revocations.value])
  return (
    <aside
      class="inspector"
      ref={panel}
      tabIndex={-1}
      aria-label="Session"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
        else if (event.key === 'r' && mayRevoke() && event.target === panel.current)
          revokeSession(id)
        else return
        event.preventDefault()
        event.stopPropagation()
      }}
    >
      <header class="bar-head">
        <h2>Session</h2>
        <button type="button" class="plain" aria-label="Close the session" onClick={onClose}>
          <svg width="14" height="14" viewBox="0 0 12 12" aria-hidden="true">
            <path d="m2 2 8 8M10 2 2 10" stroke="currentColor" stroke-width="1.3" />
          </svg>
        </button>
      </header>
      {gone.value.has(id) || problem?.status === 404 ? (
        <Empty title="It has ended">
          <p>
            <Id id={id} />
          </p>
          <Badge
            mark="revoked"
            word={gone.value.has(id) ? 'Ended from here' : 'Not there any more'}
          />
        </Empty>
      ) : problem ? (
        <Failed problem={problem} again={again} />
      ) : answer === undefined ? (
        <Loading what="Opening" />
      ) : (
        <Session
          session={answer}
          hasValues={withValues.value}
          onValues={() => {
            withValues.value = true
          }}
        />
      )}
    </aside>
  )
}

function Session({
  session,
  hasValues,
  onValues,
}: {
  session: SessionAnswer
  hasValues: boolean
  onValues: () => void
}): JSX.Element {
  const { principal, signedIn, device, address, kind, level, closed, attributes } = session
  return (
    <>
      <p class="who">
        {principal ? (
          <a href={addressOf('principals', { name: principal })}>{principal}</a>
        ) : signedIn ? (
          'Signed in'
        ) : (
          'Nobody signed in'
        )}
      </p>
      <Details>
        <Detail name="Session">
          <Id id={session.id} />
        </Detail>
        {signedIn && (
          <Detail name="Device">{[device, kind].filter(Boolean).join(' · ') || '–'}</Detail>
        )}
        {signedIn && <Detail name="Address">{address ?? '–'}</Detail>}
        {level !== undefined && <Detail name="Level">{level}</Detail>}
        <Detail name="Active">
          <Ago at={session.lastActiveAt} />
        </Detail>
        <Detail name="Made">
          <Ago at={session.createdAt} />
        </Detail>
        {session.authenticatedAt !== undefined && (
          <Detail name="Signed in">
            <Ago at={session.authenticatedAt} />
          </Detail>
        )}
        <Detail name="Ends">
          {until(session.expiresAt, now.value)}{' '}
          <span class="quiet">
            idle timeout {span(session.idleTimeout)}, at the latest {momentOf(session.deadline)}
          </span>
        </Detail>
        <Detail name="Stored">
          {bytes(session.bytes)}{' '}
          <span class="quiet">
            revision {session.revision}, data version {session.version}, secret {session.keyId}
          </span>
        </Detail>
      </Details>
      <h3>Attributes {closed === undefined && <span class="quiet">{attributes.length}</span>}</h3>
      {closed !== undefined ? (
        <p class="quiet">{closedWords[closed] ?? `It does not open: ${closed}.`}</p>
      ) : attributes.length === 0 ? (
        <p class="quiet">It holds none.</p>
      ) : (
        <Attributes attributes={attributes} />
      )}
      <footer class="inspector-foot">
        {about.value?.values && !hasValues && attributes.length > 0 && (
          <button type="button" onClick={onValues}>
            Show values <span class="quiet">audited</span>
          </button>
        )}
        {mayRevoke() && (
          <button type="button" class="danger" onClick={() => revokeSession(session.id)}>
            End it <kbd>r</kbd>
          </button>
        )}
      </footer>
    </>
  )
}

function Attributes({ attributes }: { attributes: readonly AttributeAnswer[] }): JSX.Element {
  const total = attributes.reduce((all, { bytes }) => all + bytes, 0)
  return (
    <table class="plain-table">
      <caption class="unseen">
        {plural(attributes.length, 'attribute')}, {bytes(total)}
      </caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Type</th>
          <th scope="col" class="number">
            Size
          </th>
        </tr>
      </thead>
      <tbody>
        {attributes.map(({ name, type, bytes: size, value }) => [
          <tr key={name}>
            <td>
              <code>{name}</code>
            </td>
            <td class="quiet">{type}</td>
            <td class="number">{bytes(size)}</td>
          </tr>,
          value !== undefined && (
            <tr key={`${name} value`} class="value-row">
              <td colSpan={3}>
                <pre>{value}</pre>
              </td>
            </tr>
          ),
        ])}
      </tbody>
    </table>
  )
}
