/** The other side of `startChild`: in the process that is asked. */
import type { Question, Reply } from './child.ts'

/** What the process was started with. */
export function argument(): unknown {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** Says that it is ready, then answers questions by name, for as long as its parent lives. */
export function answer(questions: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on('disconnect', () => process.exit(0))
  process.on('message', ({ id, name, argument }: Question) => void reply(id, name, argument))
  const reply = async (id: number, name: string, given: unknown): Promise<void> => {
    try {
      const question = questions[name]
      if (question === undefined) throw new Error(`nobody answers ${name}`)
      send({ id, value: await question(given as never) })
    } catch (error) {
      send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  send({ id: 0 })
}

function send(message: Reply): void {
  process.send?.(message)
}
