import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { sha256 } from '../../core/crypto.ts'
import { SECURITY_HEADERS, textAnswer } from './headers.ts'

/** Built from `console/`; the same from the sources and from the build. */
const BUILT: string = fileURLToPath(new URL('../../../dist/console/', import.meta.url))
const INDEX = 'index.html'
const NOT_BUILT =
  'The page of the console is not built. In a checkout: `npm run build`. A bundled application: leave `sojourn` out of the bundle.'
/** Names there have a hash in them, which stands for the content. */
const HASHED = /^assets\/.*-[\w-]{8,}\.\w+$/
const FOR_EVER = 'public, max-age=31536000, immutable'
const ASK_AGAIN = 'no-cache'
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
}
/** In the order in which they are liked. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

const COMPRESSIBLE = /^(?:text|application)\/|svg/
const compressed = promisify(gzip)

interface Content {
  readonly bytes: Buffer
  readonly etag: string
  readonly coding: string | undefined
}

/** The files of the page. Only what is in the folder when it is looked at is served, by its name there. */
export class PageFiles {
  readonly #folder: string
  #names: ReadonlySet<string> = new Set()
  #contents = new Map<string, Content>()
  /** Of index.html, to see that the page was built anew. */
  #builtAt: number | undefined

  constructor(folder: string = BUILT) {
    this.#folder = folder
  }

  /** @param path below the console's, without a slash in front; '' is the page itself */
  async answer(path: string, { headers, method }: Request): Promise<Response | undefined> {
    const name = path === '' ? INDEX : path
    if (name === INDEX || this.#builtAt === undefined) await this.#look()
    if (this.#builtAt === undefined) return textAnswer(NOT_BUILT, 503)
    const type = TYPES[extname(name)]
    if (type === undefined || !this.#names.has(name)) return undefined
    const accepted = headers.get('accept-encoding') ?? ''
    const { bytes, etag, coding } = await this.#contentOf(name, accepted)
    const isKnown = headers.get('if-none-match')?.includes(etag) === true
    return new Response(isKnown || method === 'HEAD' ? null : new Uint8Array(bytes), {
      status: isKnown ? 304 : 200,
      headers: {
        ...SECURITY_HEADERS,
        'content-type': type,
        'cache-control': HASHED.test(name) ? FOR_EVER : ASK_AGAIN,
        etag,
        vary: 'accept-encoding',
        ...(coding === undefined ? {} : { 'content-encoding': coding }),
      },
    })
  }

  async #look(): Promise<void> {
    let builtAt: number
    try {
      builtAt = (await stat(join(this.#folder, INDEX))).mtimeMs
    } catch {
      this.#builtAt = undefined
      return
    }
    if (builtAt === this.#builtAt) return
    const entries = await readdir(this.#folder, { recursive: true, withFileTypes: true })
    this.#names = new Set(
      entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(this.#folder.length))
        .map((name) => name.replaceAll('\\', '/').replace(/^\//, '')),
    )
    this.#contents = new Map()
    this.#builtAt = builtAt
  }

  /** As small as the browser takes it: as it was built, or made so once. */
  async #contentOf(name: string, accepted: string): Promise<Content> {
    const built = CODINGS.find(([coding, suffix]) => {
      return isAccepted(accepted, coding) && this.#names.has(name + suffix)
    })
    if (built !== undefined) return this.#kept(name + built[1], () => this.#read(name, built))
    const isText = COMPRESSIBLE.test(TYPES[extname(name)] ?? '')
    if (!isText || !isAccepted(accepted, 'gzip')) return this.#kept(name, () => this.#read(name))
    return this.#kept(`${name} by gzip`, async () => {
      const { bytes } = await this.#read(name)
      return contentOf(await compressed(bytes), 'gzip')
    })
  }

  async #read(name: string, [coding, suffix]: readonly [string?, string?] = []): Promise<Content> {
    return contentOf(await readFile(join(this.#folder, name + (suffix ?? ''))), coding)
  }

  async #kept(key: string, make: () => Promise<Content>): Promise<Content> {
    const contents = this.#contents
    const content = contents.get(key) ?? (await make())
    contents.set(key, content)
    return content
  }
}

function contentOf(bytes: Buffer, coding: string | undefined): Content {
  return { bytes, coding, etag: `"${sha256(bytes).toString('base64url').slice(0, 22)}"` }
}

function isAccepted(accepted: string, coding: string): boolean {
  return new RegExp(`\\b${coding}\\b(?!\\s*;\\s*q=0(?:\\.0*)?(?:,|$))`).test(accepted)
}
