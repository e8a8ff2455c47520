/** What every command needs of the program around it. */
export interface CommandLine {
  /** Writes lines to standard output. */
  readonly print: (lines: string) => void
  /** Something is wrong, and the output says what: exit status 1. */
  readonly exitFailed: () => void
}
