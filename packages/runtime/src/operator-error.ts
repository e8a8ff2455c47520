/**
 * A fault that whoever operates the program can do something about. Its message was written for
 * them: it says what is wrong and what to do, and holds no value of a row and no secret.
 */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError'
}
