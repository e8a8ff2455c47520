import { OperatorError } from '../operator-error.ts'

/** A database as the operator knows it. */
export interface NamedDatabase {
  /** Such as HQ. */
  readonly name: string
  /** Setting with its URL. */
  readonly variable: string
  /** Role that our sessions work as. */
  readonly role: string
}

/**
 * A database that cannot be used as it is; the message says in one sentence why, and never holds a
 * password.
 */
export class UnusableDatabaseError extends OperatorError {
  override readonly name = 'UnusableDatabaseError'
}

/** Node's own message; of a name with several addresses, those of all attempts. */
function messageOf(error: Error): string {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : []
  return error.message || errors.map(String).join(', ')
}

/**
 * Says in one sentence why no session could be opened, and what to do.
 * @param error of opening a session; of a statement it would be something else.
 * @returns undefined where the error may be a defect of ours.
 */
export function explainConnectError(
  error: unknown,
  { name, variable, role }: NamedDatabase,
): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  switch (error.code) {
    case '3D000':
      return (
        `the server has no database of the name in ${variable}; create it, ` +
        `or correct ${variable}`
      )
    case '28P01':
      return `the server refuses the password in ${variable}; correct it`
    case '28000':
      return (
        `the server lets the login in ${variable} not in: there is no such role, ` +
        'or pg_hba.conf does not allow it, perhaps not without TLS (sslmode)'
      )
    case '42501':
      return (
        `the login in ${variable} may not connect to the database, or not work as ${role}; ` +
        `grant it connect, or run: grant ${role} to it`
      )
    case '22023':
      return `${name} has no role ${role}: run migrate, or restore the roles of its server, too`
    case '53300':
      return `${name} has no session left; end some, or raise max_connections`
    case '57P03':
      return `${name} is starting up or shutting down; try again`
    default:
      // Of OpenSSL and Node, such as SELF_SIGNED_CERT_IN_CHAIN and ERR_TLS_CERT_ALTNAME_INVALID.
      if (/CERT|UNABLE_TO_VERIFY|_TLS_|_SSL_/.test(String(error.code)))
        return (
          `the certificate of ${name} is not accepted: ${messageOf(error)}; ` +
          `see sslrootcert in ${variable}`
        )
      // Of the operating system, such as ECONNREFUSED.
      return /^E[A-Z]+$/.test(String(error.code))
        ? `${name} does not answer: ${messageOf(error)}; start it, or correct ${variable}`
        : undefined
  }
}

/** Of a statement these say something else than of a session. */
const AMBIGUOUS_CODES: readonly unknown[] = ['42501', '22023']

/** As {@link explainConnectError}, of an error that may as well be that of a statement. */
export function explainDatabaseError(error: unknown, database: NamedDatabase): string | undefined {
  const { code } = error as { code?: unknown }
  return AMBIGUOUS_CODES.includes(code) ? undefined : explainConnectError(error, database)
}
