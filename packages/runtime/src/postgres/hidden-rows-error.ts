import { OperatorError } from '../operator-error.ts'

/**
 * Rows of tables of ours are hidden from the role that works with them, which must not take what it
 * does not see for what is not there.
 */
export class HiddenRowsError extends OperatorError {
  override readonly name = 'HiddenRowsError'

  /** @param findings a sentence per table, with what to do. */
  constructor(findings: readonly string[]) {
    super(findings.join('; '))
  }
}
