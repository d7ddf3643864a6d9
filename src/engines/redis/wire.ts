import { connect as connectNet, type OnReadOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { version } from '../../core/version.ts'
import { askTls, NoPem, type RedisTarget } from './options.ts'
import { type Argument, CommandBuffer, ReplyReader } from './resp.ts'

export type { Argument } from './resp.ts'

/** For commands whose strings are wanted as bytes. */
export const BYTES: object = Object.freeze({ strings: 'bytes' })

/** The key that has changed; null: any. */
export type Invalidated = string | Buffer | null

interface Command {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
  readonly asBytes: boolean
  /** The key that it writes and then reads, if it is carried out. */
  readonly written: string | undefined
}

/** What functions of the options are asked for, as the code of the error where they do not answer. */
type Wanted = 'NO_PASSWORD' | 'NO_TEXT' | 'LINE_BREAK' | 'NO_CERTIFICATE' | 'NO_PEM'

export interface WireEvents {
  /** What is stored under a key has changed, and not by a command of this wire that has `written` it. */
  invalidated(key: Invalidated): void
  /** Of a key that was `written` the server has told nothing: it may be silent about others too. */
  untold(): void
}

/** Where commands can be sent: a wire, or one that puts something before each of them. */
export type Commands = Pick<Wire, 'sendCommand'>

/** Probes after so long without traffic, milliseconds: a host that has gone is noticed. */
const KEEP_ALIVE = 5_000
/** What Node reads at once. */
const LONGEST_CHUNK = 65_536
/** Node's own option of `connect`; other runtimes that have `node:net` may not know it. */
const READS_INTO_OWN =
  process.versions['bun'] === undefined && process.versions['deno'] === undefined
/** Answered commands leave the queue's front by so many at once. */
const MOST_ANSWERED = 256

/**
 * One socket to one server, from connect to its end: it never reconnects, because a link makes a new
 * one instead (docs/decisions/0012). No deadlines here, and no queue for the time before it is ready.
 */
export class Wire {
  readonly #target: RedisTarget
  readonly #events: WireEvents | undefined
  readonly #reader: ReplyReader
  readonly #outgoing = new CommandBuffer()
  readonly #commands: Command[] = []
  readonly #listeners = new Map<string, (message: string) => void>()
  #answered = 0
  /**
   * Written by the command that was answered last. The server tells of it right behind that answer, before
   * anything else (docs/decisions/0023): that message says nothing new. The next one does.
   */
  #written: string | undefined
  #socket: Socket | undefined
  #ended: Error | undefined
  /** What a function of the options is asked for. */
  #asking: Wanted | undefined
  /** TLS has been agreed upon. */
  #isSecured = false
  /** The server has answered the introduction. */
  #isIntroduced = false
  /** Told once of how it has ended, unless by `destroy`. */
  onError: ((error: Error) => void) | undefined

  constructor(target: RedisTarget, events?: WireEvents) {
    this.#target = target
    this.#events = events
    this.#reader = new ReplyReader({
      wantsBytes: () => this.#commands[this.#answered]?.asBytes === true,
      reply: (value) => this.#answer(value),
      push: (items) => this.#push(items),
    })
  }

  /** Opens the socket and introduces itself. Rejects with what the server or the network says. */
  async connect(): Promise<void> {
    const { address, tls: given, username, password, database, name } = this.#target
    const secret =
      typeof password === 'function'
        ? passwordIn(await this.#ask('NO_PASSWORD', password))
        : password
    const tls = given && (await this.#ask('NO_CERTIFICATE', () => askTls(given)))
    if (this.#ended !== undefined) throw this.#ended
    this.#socket = this.#open(address, tls)
    const auth = secret === undefined ? [] : ['AUTH', username ?? 'default', secret]
    // Sent at once, and in the buffer until the socket is open.
    const hello = this.sendCommand(['HELLO', '3', ...auth, 'SETNAME', name])
    const selected = database === 0 ? undefined : this.sendCommand(['SELECT', String(database)])
    // Only to be seen in CLIENT LIST; older servers and strict rights refuse it.
    for (const [field, value] of [
      ['LIB-NAME', 'sojourn'],
      ['LIB-VER', version],
    ] as const) {
      this.sendCommand(['CLIENT', 'SETINFO', field, value]).catch(() => undefined)
    }
    await Promise.all([hello, selected])
    this.#isIntroduced = true
  }

  async #ask<Value>(what: Wanted, ask: () => Value | Promise<Value>): Promise<Value> {
    this.#asking = what
    try {
      return await ask()
    } catch (error) {
      throw error instanceof NoPem ? notTold('NO_PEM') : notTold(what, error)
    } finally {
      this.#asking = undefined
    }
  }

  /**
   * How far it has got where nothing is answered: by a function of the options, or by a server that takes connections;
   * nothing where that is not so.
   */
  get silence(): Error | undefined {
    if (this.#asking !== undefined) return notTold(this.#asking)
    if (this.#socket === undefined || this.#socket.connecting || this.#isIntroduced)
      return undefined
    const { tls, address } = this.#target
    // By a file's name there is no TLS to be had.
    if (tls === undefined) return silent('path' in address ? 'SILENT' : 'NO_HELLO')
    return silent(this.#isSecured ? 'SILENT' : 'NO_TLS')
  }

  /**
   * Commands sent in one turn of the event loop leave in one write. Maps are answered as lists of key,
   * value, key, value, …
   * @param strings `BYTES`; text without it
   * @param written the key that is written and read again if the answer is a list that begins with 1
   */
  sendCommand(args: readonly Argument[], strings?: object, written?: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      if (this.#outgoing.isEmpty) setImmediate(this.#flush)
      this.#outgoing.add(args)
      this.#commands.push({ resolve, reject, asBytes: strings !== undefined, written })
    })
  }

  /** From now on `listener` is told of what is published there. Other commands go on. */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown> {
    this.#listeners.set(channel, listener)
    return this.sendCommand(['SUBSCRIBE', channel])
  }

  /** Ends the socket at once; commands under way reject. */
  destroy(): void {
    this.onError = undefined
    this.#end(new Error('the connection was given up'))
  }

  readonly #flush = (): void => {
    if (this.#ended === undefined) this.#socket?.write(this.#outgoing.take())
  }

  #open(address: RedisTarget['address'], tls: ConnectionOptions | undefined): Socket {
    const options = {
      ...address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE,
    }
    const isRead = tls === undefined && READS_INTO_OWN
    const onread = isRead ? { onread: this.#intoOwn() } : {}
    const socket =
      tls === undefined ? connectNet({ ...options, ...onread }) : connectTls({ ...options, ...tls })
    if (tls !== undefined) {
      socket.once('secureConnect', () => {
        this.#isSecured = true
      })
    }
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(closed()))
    if (!isRead) socket.on('data', (chunk: Buffer) => this.#read(chunk))
    return socket
  }

  /**
   * One piece of memory for all that comes, and a small copy of each piece. Else Node takes 64 KiB for each
   * answer and gives most of it back, which costs more than all that is done with the answer.
   */
  #intoOwn(): OnReadOpts {
    return {
      buffer: Buffer.allocUnsafeSlow(LONGEST_CHUNK),
      callback: (length, bytes) => {
        this.#read(Buffer.from(bytes.subarray(0, length)))
        return true
      },
    }
  }

  #read(chunk: Buffer): void {
    try {
      if (this.#ended === undefined) this.#reader.read(chunk)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #answer(value: unknown): void {
    const command = this.#commands[this.#answered]
    if (command === undefined) throw new TypeError('an answer that nobody has asked for')
    if (this.#written !== undefined) this.#events?.untold()
    this.#written = isDone(value) ? command.written : undefined
    this.#answered++
    if (this.#answered === this.#commands.length || this.#answered === MOST_ANSWERED) {
      this.#commands.splice(0, this.#answered)
      this.#answered = 0
    }
    if (value instanceof Error) command.reject(value)
    else command.resolve(value)
  }

  #push([kind, subject, message]: readonly unknown[]): void {
    switch (String(kind)) {
      case 'invalidate':
        if (!Array.isArray(subject)) this.#events?.invalidated(null)
        else for (const key of subject as Buffer[]) this.#invalidated(key)
        break
      case 'subscribe':
        // Its only answer, in its place among the others.
        this.#answer(null)
        break
      case 'message':
        this.#listeners.get(String(subject))?.(String(message))
    }
  }

  #invalidated(key: Buffer): void {
    if (this.#written === undefined || key.toString('latin1') !== this.#written) {
      this.#events?.invalidated(key)
    } else {
      this.#written = undefined
    }
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#socket?.destroy()
    const { onError } = this
    this.onError = undefined
    for (const command of this.#commands.splice(0).slice(this.#answered)) command.reject(error)
    onError?.(error)
  }
}

/** The first item of what our scripts answer. */
function isDone(value: unknown): boolean {
  return Array.isArray(value) && value[0] === 1
}

function silent(code: 'NO_TLS' | 'NO_HELLO' | 'SILENT'): Error {
  return Object.assign(new Error('the server takes the connection and does not answer'), { code })
}

/** Read from a file most often. As part of it, a line break at the end gives WRONGPASS, and nothing to see why. */
function passwordIn(answer: unknown): string {
  if (typeof answer !== 'string') throw notTold('NO_TEXT')
  if (/[\r\n]$/.test(answer)) throw notTold('LINE_BREAK')
  return answer
}

function notTold(code: Wanted, cause?: unknown): Error {
  return Object.assign(new Error('the function does not tell it', { cause }), { code })
}

function closed(): Error {
  return Object.assign(new Error('the server has ended the connection'), { code: 'EPIPE' })
}
