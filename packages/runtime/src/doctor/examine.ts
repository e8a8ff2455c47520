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
