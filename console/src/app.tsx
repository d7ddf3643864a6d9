import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Header, Navigation, StaleBanner } from './frame.tsx'
import { Help } from './help.tsx'
import { Empty, Failed, Loading } from './parts/states.tsx'
import { RevokeDialog } from './revoke/revoke-dialog.tsx'
import { revoking } from './revoke/state.ts'
import { about, type Problem, signedOut } from './state/api.ts'
import { helpIsOpen } from './state/keys.ts'
import { isStale } from './state/live.ts'
import { addressOf, route, type ViewId, views } from './state/route.ts'
import { aboutProblem, askAbout } from './state/start.ts'
import { Audit } from './views/audit.tsx'
import { Doctor } from './views/doctor.tsx'
import { Events } from './views/events.tsx'
import { Overview } from './views/overview.tsx'
import { Principals } from './views/principals.tsx'
import { Sessions } from './views/sessions.tsx'
import { Topology } from './views/topology.tsx'

const pages: Readonly<Record<ViewId, () => JSX.Element>> = {
  overview: Overview,
  principals: Principals,
  sessions: Sessions,
  events: Events,
  topology: Topology,
  doctor: Doctor,
  audit: Audit,
}
/** Those that show what the stream brings. */
const liveViews: readonly ViewId[] = ['overview', 'topology']

export function App(): JSX.Element {
  const { view, unknown } = route.value
  const main = useRef<HTMLElement>(null)
  const former = useRef(view)
  useEffect(() => {
    const name = views.find(({ id }) => id === view)?.name ?? ''
    const { environment } = about.value ?? {}
    document.title = `${name} · Sojourn${environment ? ` · ${environment}` : ''}`
    if (former.current === view) return
    former.current = view
    // Whoever has gone elsewhere begins at its top; a search that takes the focus itself comes after.
    main.current?.scrollTo(0, 0)
    if (
      document.activeElement === document.body ||
      !main.current?.contains(document.activeElement)
    ) {
      main.current?.focus({ preventScroll: true })
    }
  }, [view, about.value])

  if (signedOut.value) return <LeftOut problem={signedOut.value} />
  if (about.value === undefined) {
    return (
      <main class="whole">
        {aboutProblem.value ? (
          <Failed problem={aboutProblem.value} again={() => void askAbout()} />
        ) : (
          <Loading what="Opening the console" />
        )}
      </main>
    )
  }
  const Page = pages[view]
  const dimmed = isStale() && liveViews.includes(view)
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        To the content
      </a>
      <Header />
      <Navigation />
      <main id="main" ref={main} tabIndex={-1} class={dimmed ? `${view} dimmed` : view}>
        <StaleBanner />
        <div class="content">
          {unknown === undefined ? (
            <Page key={view} />
          ) : (
            <Empty title={`There is no view “${unknown}”`}>
              <p>
                <a href={addressOf('overview')}>To the overview</a>
              </p>
            </Empty>
          )}
        </div>
      </main>
      {revoking.value && <RevokeDialog key={revoking.value.number} what={revoking.value} />}
      {helpIsOpen.value && <Help />}
    </div>
  )
}

function LeftOut({ problem: { status, message } }: { problem: Problem }): JSX.Element {
  return (
    <main class="whole">
      <div class="state" role="alert">
        <h1 class="state-title">
          {status === 403 ? 'You may not look here' : 'You are signed out'}
        </h1>
        <p>{message}</p>
      </div>
    </main>
  )
}
