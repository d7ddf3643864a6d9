import { type Channel, channel, subscribe as listen, unsubscribe } from 'node:diagnostics_channel'
import type { SessionEventName } from './events.ts'

/** Of `sojourn:event`: what listeners of `sessions.on` are told, of all `Sessions` of the process. */
export interface EventMessage {
  readonly name: SessionEventName
  /** Never a token or an attribute's value. */
  readonly event: object
}

/** Of `sojourn:operation`: what was asked of the store, when it is done. */
export interface OperationMessage {
  /** `load`, `commit`, `create`, `touch`, `rotate`, `destroy`, `list`, … */
  readonly operation: string
  /** Milliseconds, the wait for a connection included. */
  readonly duration: number
  /** Why it failed: a SojournError; undefined: it did not. */
  readonly error: unknown
}

/** Of `sojourn:measure`: what is neither an event nor the time of an operation. */
export interface MeasureMessage {
  /**
   * `record.size`: of a session as it is sealed for the store, bytes. `expiry.lag`: how late expired sessions were claimed to
   * be told of, the latest of each batch, milliseconds. `session.lifetime`: from its making to its end, milliseconds.
   * `store.retry`: a command was sent once more, 1.
   */
  readonly name: 'record.size' | 'expiry.lag' | 'session.lifetime' | 'store.retry'
  readonly value: number
  /** Of the latter two. `session.lifetime`: `logout`, `revoked`, `expired`. */
  readonly reason?: string
}

// Where nobody subscribes no message is made, and no clock looked at.
const EVENT = 'sojourn:event'
const OPERATION = 'sojourn:operation'
const MEASURE = 'sojourn:measure'
const events: Channel = channel(EVENT)
const operations: Channel = channel(OPERATION)
const measures: Channel = channel(MEASURE)

export function publishEvent(name: SessionEventName, event: object): void {
  if (events.hasSubscribers) events.publish({ name, event } satisfies EventMessage)
}

export const isTimed = (): boolean => operations.hasSubscribers

export function publishOperation(message: OperationMessage): void {
  operations.publish(message)
}

export function publishMeasure(name: MeasureMessage['name'], value: number): void {
  if (measures.hasSubscribers) measures.publish({ name, value } satisfies MeasureMessage)
}

/** @param made, ended milliseconds since the epoch by the engine's clock */
export function publishLifetime(
  reason: 'logout' | 'revoked' | 'expired',
  made: number | undefined,
  ended: number,
): void {
  if (made === undefined || !measures.hasSubscribers) return
  const value = Math.max(0, ended - made)
  measures.publish({ name: 'session.lifetime', value, reason } satisfies MeasureMessage)
}

/**
 * A command is sent once more. `connection`: it was lost before the answer to a read; `demoted`: the server is no primary any
 * more; `moved`: another node of the Cluster has the slot, or gets it just now; `script`: the server did not know it.
 */
export function publishRetry(reason: 'connection' | 'demoted' | 'moved' | 'script'): void {
  if (measures.hasSubscribers)
    measures.publish({ name: 'store.retry', value: 1, reason } satisfies MeasureMessage)
}

/** @returns a function that ends it */
export function subscribe(
  onEvent: (message: EventMessage) => void,
  onOperation: (message: OperationMessage) => void,
  onMeasure: (message: MeasureMessage) => void = () => undefined,
): () => void {
  const [event, operation, measure] = [
    (message: unknown): void => onEvent(message as EventMessage),
    (message: unknown): void => onOperation(message as OperationMessage),
    (message: unknown): void => onMeasure(message as MeasureMessage),
  ]
  listen(EVENT, event)
  listen(OPERATION, operation)
  listen(MEASURE, measure)
  return () => {
    unsubscribe(EVENT, event)
    unsubscribe(OPERATION, operation)
    unsubscribe(MEASURE, measure)
  }
}
