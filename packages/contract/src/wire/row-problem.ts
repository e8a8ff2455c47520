import type { z } from 'zod'
import type { RowCode } from './outcome.ts'

/** The first rule of the contract that a row breaks, without the value that broke it. */
export interface RowProblem {
  readonly code: RowCode
  /** Column at fault; null where it is the row itself. */
  readonly column: string | null
  /** The rule in words; never the value. */
  readonly detail: string
}

function problemOfColumn(issue: z.core.$ZodIssue, value: unknown): Omit<RowProblem, 'column'> {
  // Null fails only where the column is required, whatever its type.
  if (value === null) return { code: 'invalid_type', detail: 'must not be null' }
  switch (issue.code) {
    case 'invalid_type':
      // A fraction has the right JSON type and fails as `int`.
      return typeof value === 'number' && issue.expected === 'int'
        ? { code: 'invalid_value', detail: 'must be a whole number' }
        : {
            code: 'invalid_type',
            detail: `must be a JSON ${issue.expected === 'int' ? 'number' : issue.expected}`,
          }
    case 'invalid_value':
      return typeof value === 'string'
        ? { code: 'invalid_value', detail: 'is not in its closed set' }
        : { code: 'invalid_type', detail: 'must be a JSON string' }
    case 'too_big':
    case 'too_small':
      return { code: 'invalid_value', detail: 'is out of range' }
    case 'custom':
      return issue.params?.code === 'not_a_reference'
        ? { code: 'not_a_reference', detail: issue.message }
        : { code: 'invalid_value', detail: issue.message }
    case 'invalid_format':
      return { code: 'invalid_value', detail: issue.message }
    default:
      // No schema of ours raises any other issue; a row must not cost the batch even so.
      return { code: 'invalid_value', detail: 'has not the form that the contract asks for' }
  }
}

/**
 * Reads a failed row validation as a {@link RowProblem}. Deterministic: the first issue decides.
 */
export function rowProblem(error: z.ZodError, row: Readonly<Record<string, unknown>>): RowProblem {
  const [issue] = error.issues
  if (issue === undefined) throw new Error('a failed validation has at least one issue')
  const [name] = issue.path
  if (issue.code === 'unrecognized_keys') {
    const column = issue.keys[0] ?? null
    return { code: 'invalid_value', column, detail: `${column} is no column of the contract` }
  }
  if (name === undefined) {
    return { code: 'invalid_type', column: null, detail: 'a row must be a JSON object' }
  }
  const column = String(name)
  if (!Object.hasOwn(row, column)) {
    return { code: 'missing_column', column, detail: `${column} is missing` }
  }
  const { code, detail } = problemOfColumn(issue, row[column])
  return { code, column, detail: `${column} ${detail}` }
}
