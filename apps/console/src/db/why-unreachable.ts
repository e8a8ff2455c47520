import { describeError } from '@hq-export/runtime/describe-error.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'

/** The driver's own words where the server never answered, or went away. */
const SILENT_PATTERN =
  /timeout exceeded when trying to connect|Query read timeout|terminated|timeout expired|not queryable/i
/** The server ends its sessions: shut down, crashed, or somebody ended this one. */
const ENDED_CODES: readonly unknown[] = ['57P01', '57P02']

/**
 * Why a database cannot be asked now.
 * @param explained what `error` means by its code, where that is known.
 * @returns undefined where the error may be a defect of ours.
 */
export function whyUnreachable(
  error: unknown,
  name: string,
  explained: string | undefined,
): string | undefined {
  if (error instanceof OperatorError) return error.message
  if (explained !== undefined) return explained
  if (ENDED_CODES.includes((error as { code?: unknown }).code))
    return `${name} has ended the session; it may be stopping`
  return SILENT_PATTERN.test(describeError(error)) ? `${name} does not answer` : undefined
}
