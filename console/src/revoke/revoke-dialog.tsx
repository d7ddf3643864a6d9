import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { RevokeAnswer, RevokeRequest } from '../../../src/operations/console/api.ts'
import { count, latency, plural } from '../format.ts'
import { Shape } from '../parts/badge.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Loading } from '../parts/states.tsx'
import { asProblem, call, type Problem } from '../state/api.ts'
import { gone, type Revocation, revocations, revoking } from './state.ts'

type Step =
  | { readonly name: 'counting' }
  | { readonly name: 'asking'; readonly found: number; readonly changed: boolean }
  | { readonly name: 'ending'; readonly found: number }
  | { readonly name: 'done'; readonly answer: RevokeAnswer }
  | { readonly name: 'failed'; readonly problem: Problem; readonly midway: boolean }

/** Counts first, then asks why and (for more than one) how many, and tells what the primary says afterwards. */
export function RevokeDialog({ what }: { what: Revocation }): JSX.Element {
  const step = useSignal<Step>({ name: 'counting' })
  const reason = useSignal('')
  const typed = useSignal('')
  const ask = (request: Omit<RevokeRequest, 'target'>): Promise<RevokeAnswer> =>
    call<RevokeAnswer>('revoke', { body: { target: what.target, ...request } })

  const countThem = async (changed: boolean): Promise<void> => {
    try {
      const { found } = await ask({ dry: true })
      typed.value = ''
      step.value = { name: 'asking', found, changed }
    } catch (error) {
      step.value = { name: 'failed', problem: asProblem(error), midway: false }
    }
  }

  const end = async (found: number): Promise<void> => {
    step.value = { name: 'ending', found }
    try {
      const answer = await ask({ reason: reason.value.trim(), count: found })
      if ('ids' in what.target) gone.value = new Set([...gone.peek(), ...what.target.ids])
      step.value = { name: 'done', answer }
      revocations.value++
    } catch (error) {
      const problem = asProblem(error)
      if (problem.status === 409) await countThem(true)
      else {
        step.value = {
          name: 'failed',
          problem,
          midway: problem.status === 0 || problem.status >= 500,
        }
        revocations.value++
      }
    }
  }

  useEffect(() => {
    void countThem(false)
  }, [])

  return (
    <Dialog
      title={what.title}
      onClose={() => {
        if (revoking.peek() === what) revoking.value = undefined
      }}
    >
      <Body
        step={step.value}
        reason={reason.value}
        typed={typed.value}
        onReason={(text) => {
          reason.value = text
        }}
        onTyped={(text) => {
          typed.value = text
        }}
        onEnd={(found) => void end(found)}
        onAgain={() => void countThem(false)}
      />
    </Dialog>
  )
}

interface BodyProps {
  readonly step: Step
  readonly reason: string
  readonly typed: string
  readonly onReason: (text: string) => void
  readonly onTyped: (text: string) => void
  readonly onEnd: (found: number) => void
  readonly onAgain: () => void
}

function Body({ step, ...form }: BodyProps): JSX.Element {
  switch (step.name) {
    case 'counting':
      return <Loading what="Counting" />
    case 'asking':
      return step.found === 0 ? <Nothing /> : <Form {...form} {...step} busy={false} />
    case 'ending':
      return <Form {...form} found={step.found} changed={false} busy />
    case 'done':
      return <Result answer={step.answer} />
    case 'failed':
      return (
        <div role="alert">
          <p class="lead">
            <Shape mark="error" size={14} /> {step.problem.message}
          </p>
          {step.midway && (
            <p>Some may have ended already: try again, and the others are counted.</p>
          )}
          <p class="quiet">
            <code>{step.problem.code}</code>
          </p>
          <footer>
            <CloseButton />
            <button type="button" onClick={form.onAgain}>
              Try again
            </button>
          </footer>
        </div>
      )
    default:
      return step satisfies never
  }
}

function Form(
  props: Omit<BodyProps, 'step' | 'onAgain'> & { found: number; changed: boolean; busy: boolean },
): JSX.Element {
  const { found, changed, busy, reason, typed, onReason, onTyped, onEnd } = props
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => field.current?.focus(), [changed])
  const needsCount = found > 1
  const isReady = reason.trim() !== '' && (!needsCount || typed.trim() === String(found)) && !busy
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (isReady) onEnd(found)
      }}
    >
      {changed && (
        <p class="notice warn" role="alert">
          <Shape mark="warn" /> Meanwhile there are others: counted again.
        </p>
      )}
      <p class="lead">
        {found === 1 ? 'One session ends' : `${count(found)} sessions end`} at once, on every node.{' '}
        {found === 1 ? 'Its cookie opens' : 'Their cookies open'} nothing from then on.
      </p>
      <label class="field">
        <span>Why</span>
        <input
          ref={field}
          value={reason}
          maxLength={200}
          required
          autocomplete="off"
          placeholder="Stolen laptop, ticket 4711"
          onInput={({ currentTarget }) => onReason(currentTarget.value)}
        />
        <small class="quiet">Kept in the audit, with your name.</small>
      </label>
      {needsCount && (
        <label class="field short">
          <span>
            Type <b>{found}</b> to confirm
          </span>
          <input
            value={typed}
            inputMode="numeric"
            autocomplete="off"
            onInput={({ currentTarget }) => onTyped(currentTarget.value)}
          />
        </label>
      )}
      <footer>
        <CloseButton word="Cancel" />
        <button type="submit" class="danger" disabled={!isReady}>
          {busy ? 'Ending …' : `End ${plural(found, 'session')}`}
        </button>
      </footer>
    </form>
  )
}

function Result({ answer }: { answer: RevokeAnswer }): JSX.Element {
  const { found, revoked, verified, took } = answer
  const button = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => button.current?.focus(), [])
  return (
    <div role="status">
      <p class="result">
        <Shape mark={verified ? 'ok' : 'warn'} size={18} />
        <span>
          {plural(revoked, 'session')} ended
          {revoked < found && (
            <span class="quiet">
              {' '}
              of {count(found)}
              {verified && '; the others were gone before'}
            </span>
          )}
        </span>
      </p>
      <p class={verified ? 'quiet' : 'notice warn'}>
        {verified
          ? `Verified at the primary after ${latency(took)}.`
          : 'The primary could not confirm it. Look again before you rely on it.'}
      </p>
      <footer>
        <CloseButton word="Done" focus={button} />
      </footer>
    </div>
  )
}

function Nothing(): JSX.Element {
  return (
    <div role="status">
      <p class="lead">There is nothing to end: they are gone already.</p>
      <footer>
        <CloseButton word="Close" />
      </footer>
    </div>
  )
}

function CloseButton({
  word = 'Close',
  focus,
}: {
  word?: string
  focus?: { current: HTMLButtonElement | null }
}): JSX.Element {
  return (
    <button
      type="button"
      ref={focus ?? null}
      onClick={({ currentTarget }) => currentTarget.closest('dialog')?.close()}
    >
      {word}
    </button>
  )
}
