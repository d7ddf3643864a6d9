import type { StandardSchemaV1 } from '@standard-schema/spec'
import { codecs, type Decoded } from './codec.ts'
import { OptionError, SchemaError } from './errors.ts'
import { isPrivateName, withoutPrivate } from './private-names.ts'
import { cloneValue, kindOf, refusal } from './values.ts'

/** Makes the data of version n + 1 from that of version n, at once. May change and return its argument. */
export type Migration = (data: Record<string, unknown>) => object & { readonly then?: never }

export interface DataSchema {
  readonly validate: StandardSchemaV1 | undefined
  /** Version of the data that this application writes. */
  readonly version: number
  readonly migrate: ReadonlyMap<number, Migration>
}

const HIGHEST_VERSION = 0xffff

/** @throws OptionError when a step is missing, so that it is not first noticed by a user's old session */
export function createDataSchema(options: {
  readonly schema?: StandardSchemaV1 | undefined
  readonly version?: number | undefined
  readonly migrate?: Readonly<Record<number, Migration>> | undefined
}): DataSchema {
  const { schema, version = 1 } = options
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new OptionError(
      'schema',
      'takes a Standard Schema, as zod, valibot and arktype make them',
    )
  }
  if (!Number.isInteger(version) || version < 1 || version > HIGHEST_VERSION) {
    throw new OptionError('version', `takes a whole number from 1 to ${HIGHEST_VERSION}`)
  }
  if (version > 1 && options.migrate === undefined) {
    throw new OptionError(
      'migrate',
      `takes the steps to version ${version}; {} drops sessions of older versions`,
    )
  }
  const migrate = options.migrate ?? {}
  const steps = new Map<number, Migration>()
  for (const [key, step] of Object.entries(migrate)) {
    const from = Number(key)
    if (!Number.isInteger(from) || from < 1 || from >= version) {
      throw new OptionError(
        `migrate[${key}]`,
        version === 1
          ? 'leads nowhere: `version` is 1; set it to the version that the last step makes'
          : `starts from no version between 1 and ${version - 1}`,
      )
    }
    if (typeof step !== 'function') throw new OptionError(`migrate[${key}]`, 'takes a function')
    steps.set(from, step)
  }
  const oldest = Math.min(...steps.keys())
  for (let from = oldest; from < version; from++) {
    if (!steps.has(from)) throw new OptionError(`migrate[${from}]`, 'is missing')
  }
  return { validate: schema, version, migrate: steps }
}

type Attributes = Pick<Decoded, 'attributes' | 'heapBytes'>

/**
 * The attributes in the present version, or nothing when no step leads there. Data of a newer
 * version is taken as it is: during a roll-out old nodes must not sign people out. What the steps
 * return becomes what it is once stored: it may be the application's own constants or instances of
 * its classes, and attributes are frozen and shared by requests.
 * @throws AttributeError for what cannot be stored, and whatever a step throws
 */
export function migrateData(
  schema: DataSchema,
  stored: Attributes,
  from: number,
): Attributes | undefined {
  if (from >= schema.version) return stored
  let data: object = Object.fromEntries(withoutPrivate(stored.attributes))
  for (let version = from; version < schema.version; version++) {
    const step = schema.migrate.get(version)
    if (step === undefined) return undefined
    data = step(data as Record<string, unknown>)
    if (!isData(data)) {
      // Its failure is not worth more than that it is a promise.
      if (data instanceof Promise) data.catch(() => undefined)
      throw new TypeError(`migrate[${version}] must return the new data`)
    }
  }
  const others = [...stored.attributes].filter(([name]) => isPrivateName(name))
  const { messagepack } = codecs
  return messagepack.decode(
    messagepack.encode(new Map([...Object.entries(data), ...others]), new Map()),
  )
}

/**
 * Checks the data as a whole. What the schema makes of it (defaults, conversions) is not used.
 * An attribute that is absent is no fault: sessions are filled one by one.
 * @throws SchemaError naming the attributes
 */
export async function validateData(
  schema: DataSchema,
  attributes: ReadonlyMap<string, unknown>,
): Promise<void> {
  if (schema.validate === undefined) return
  const shown = withoutPrivate(attributes)
  const data = Object.fromEntries([...shown].map(([name, value]) => [name, unshared(value)]))
  const result = await schema.validate['~standard'].validate(data)
  const issues = []
  for (const issue of result.issues ?? []) {
    const attribute = rootOf(issue.path)
    if (attribute !== undefined && !attributes.has(attribute)) continue
    issues.push({ attribute: attribute ?? '(session)', message: issue.message })
  }
  if (issues.length > 0) throw new SchemaError(issues)
}

/**
 * A validator that changes what it checks must not reach what other requests read, nor what the
 * application has set, which is frozen at the outside at most.
 */
function unshared(value: unknown): unknown {
  try {
    return cloneValue(value)
  } catch {
    // Nested too deep: the codec refuses it, and says where.
    return value
  }
}

/** Whether the attributes can be its properties: a promise or a Map has none, and they would be lost. */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const kind = kindOf(value)
  return kind === 'plain' || (kind === 'other' && refusal(value) === undefined)
}

function rootOf(path: StandardSchemaV1.Issue['path']): string | undefined {
  const first = path?.[0]
  if (first === undefined) return undefined
  return String(typeof first === 'object' ? first.key : first)
}
