import pg from 'pg'
import { describeError } from '../describe-error.ts'
import { explainDatabaseError, type NamedDatabase } from '../postgres/explain-connect-error.ts'

/** What an app knows of the faults that its commands can meet. */
export interface KnownFaults {
  readonly database: NamedDatabase
  /** Settings that choose where it listens. */
  readonly portSettings: string
  /** Command that examines the database. */
  readonly examine: string
}

/** Where it was thrown; the first line of a stack may quote values. */
function framesOf({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => line.startsWith('    at '))
}

/**
 * An error that was not written for the operator, in words that may be printed: what is wrong, and
 * what to do. One that only a defect of ours explains keeps the lines where it was thrown.
 */
export function explain(error: unknown, faults: KnownFaults): string {
  if (!(error instanceof Error)) return 'something that is no error was thrown; report it'
  const { code, address, port } = error as { code?: unknown; address?: string; port?: number }
  if (code === 'EADDRINUSE') {
    return `${address}:${port} is taken by another process; set ${faults.portSettings}`
  }
  const why = explainDatabaseError(error, faults.database)
  if (why !== undefined) return why
  if (error instanceof pg.DatabaseError) {
    return `${faults.database.name} refused it: ${describeError(error)}; see: ${faults.examine}`
  }
  const messages = error instanceof AggregateError ? error.errors.map(describeError) : []
  const text = messages.join('; ') || describeError(error)
  return [`${text}; this may be a defect: report it with these lines`, ...framesOf(error)].join(
    '\n',
  )
}
