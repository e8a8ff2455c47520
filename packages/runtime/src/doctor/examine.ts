import type pg from 'pg'
import { describeError } from '../describe-error.ts'
import { type CheckOf, type Finding, type NamedFinding, unknown } from './finding.ts'

/** Asked once, however many checks want it; a failure is everybody's. */
export function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => {
    asked ??= ask()
    return asked
  }
}

/** A check that breaks has found out nothing; the others still can. */
async function examineOne<E>(
  check: CheckOf<E>,
  examination: E,
  remedy: string,
): Promise<readonly Finding[]> {
  try {
    return [await check.examine(examination)].flat()
  } catch (error) {
    return [unknown(`could not look: ${describeError(error)}`, remedy)]
  }
}

/**
 * Runs checks in their order, up to one that fails and decides.
 * @param remedy what to do where a check breaks, which is a finding of state `unknown`.
 */
export async function examine<E>(
  checks: readonly CheckOf<E>[],
  examination: E,
  remedy: string,
): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = []
  for (const check of checks) {
    const found = await examineOne(check, examination, remedy)
    findings.push(...found.map((finding) => ({ check: check.name, ...finding })))
    if (check.isDecisive && found.some(({ state }) => state === 'fail')) break
  }
  return findings
}

/** Opens a session, and says when the server takes it away. */
type Open = (onLost: (error: Error) => void) => Promise<pg.Client>

export interface DatabaseExamination<E> {
  /** The session of the login role. */
  readonly login: Open
  /** What the checks look at; `later` makes a session that the first check to ask for it opens. */
  readonly examination: (login: pg.Client, later: (open: Open) => () => Promise<pg.Client>) => E
  /** As {@link examine} takes it. */
  readonly remedy: string
}

/**
 * Examines a database by {@link examine}, and closes every session of it.
 * @throws where it cannot be reached at all, or was lost on the way.
 */
export async function examineDatabase<E>(
  checks: readonly CheckOf<E>[],
  { login: openLogin, examination, remedy }: DatabaseExamination<E>,
): Promise<NamedFinding[]> {
  let lost: Error | undefined
  const onLost = (error: Error) => {
    lost = error
  }
  const login = await openLogin(onLost)
  const sessions = [login]
  const later = (open: Open) =>
    once(async () => {
      const client = await open(onLost)
      sessions.push(client)
      return client
    })
  try {
    const findings = await examine(checks, examination(login, later), remedy)
    if (lost !== undefined) throw lost
    return findings
  } finally {
    await Promise.all(sessions.map((client) => client.end()))
  }
}
