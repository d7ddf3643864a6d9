/**
 * Programs of ours as processes of their own. They are compiled from this checkout into a directory
 * of their own, because Node 20 runs no TypeScript.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly pid: number
  ask<Answer>(name: string, argument?: unknown): Promise<Answer>
  signal(name: NodeJS.Signals): void
  stop(): Promise<void>
}

export interface Question {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

export interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))
/** By program: the directory and the file in it. */
const compiled = new Map<string, { readonly directory: string; readonly file: string }>()
const START_DEADLINE = 15_000

/**
 * @param program its URL, a TypeScript file that calls `answer`
 * @param argument what its `answer` is told
 * @param flags Node's own
 */
export async function startChild(
  program: URL,
  argument: unknown = {},
  flags: readonly string[] = [],
): Promise<Child> {
  const file = compile(fileURLToPath(program))
  const child = fork(file, [JSON.stringify(argument)], { execArgv: [...flags] })
  const waiting = new Map<number, { settle: (reply: Reply) => void }>()
  let count = 0
  let end: Reply | undefined
  const expectReply = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const settle = ({ value, error }: Reply): void =>
        error === undefined ? resolve(value) : reject(new Error(error))
      if (end === undefined) waiting.set(id, { settle })
      else settle(end)
    })
  child.on('message', (reply: Reply) => {
    waiting.get(reply.id)?.settle(reply)
    waiting.delete(reply.id)
  })
  child.on('exit', (code, signal) => {
    end = { id: 0, error: `${relative(root, fileURLToPath(program))} ended with ${code ?? signal}` }
    for (const { settle } of waiting.values()) settle(end)
    waiting.clear()
  })
  const late = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE)
  await expectReply(0).finally(() => clearTimeout(late))
  return {
    pid: child.pid as number,
    ask<Answer>(name: string, argument?: unknown) {
      const question: Question = { id: ++count, name, argument }
      const reply = expectReply(question.id)
      if (end === undefined) child.send(question)
      return reply as Promise<Answer>
    },
    signal: (name) => void child.kill(name),
    stop: () => stop(child),
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Removes what was compiled. Processes that have started go on. */
export function forgetPrograms(): void {
  for (const { directory } of compiled.values()) rmSync(directory, { recursive: true, force: true })
  compiled.clear()
}

/** @returns the JavaScript file */
function compile(program: string): string {
  const known = compiled.get(program)
  if (known !== undefined) return known.file
  const directory = mkdtempSync(join(tmpdir(), 'sj-node-'))
  const options = [
    ...['--ignoreConfig', '--noCheck', '--target', 'es2023', '--module', 'nodenext'],
    ...['--rewriteRelativeImportExtensions', '--verbatimModuleSyntax', '--types', 'node'],
    ...['--rootDir', root, '--outDir', directory],
  ]
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, ...options, program], { cwd: root, stdio: 'pipe' })
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  const file = join(directory, relative(root, program)).replace(/\.ts$/, '.js')
  compiled.set(program, { directory, file })
  return file
}
