import type { JSX } from 'preact'
import { Dialog } from './parts/dialog.tsx'
import { mayRevoke } from './revoke/state.ts'
import { helpIsOpen } from './state/keys.ts'
import { views } from './state/route.ts'

type Row = readonly [keys: readonly string[], what: string]

export function Help(): JSX.Element {
  const groups: readonly (readonly [string, readonly Row[]])[] = [
    ['Go to', views.map(({ name, key }): Row => [['g', key], name])],
    [
      'In lists',
      [
        [['j', 'k'], 'next, previous'],
        [['Enter'], 'open'],
        [['Esc'], 'close, or leave the field'],
        ...(mayRevoke()
          ? ([
              [['r'], 'end this session'],
              [['o'], "end the principal's others"],
              [['a'], "end all of the principal's"],
              [['x'], 'select, to end many'],
            ] satisfies Row[])
          : []),
      ],
    ],
    [
      'Everywhere',
      [
        [['/'], 'search'],
        [['p'], 'pause, go on'],
        [['t'], 'light, dark, as the system'],
        [['?'], 'these keys'],
      ],
    ],
  ]
  return (
    <Dialog
      title="Keys"
      onClose={() => {
        helpIsOpen.value = false
      }}
    >
      <div class="help">
        {groups.map(([title, rows]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {rows.map(([keys, what]) => (
                <div key={what}>
                  <dt>
                    {keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
