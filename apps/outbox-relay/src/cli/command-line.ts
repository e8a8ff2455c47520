import type { CommandLine } from '@hq-export/runtime/cli/command-line.ts'
import type pg from 'pg'

/** What the commands of the relay need of the program around them. */
export interface RelayCommandLine extends CommandLine {
  /** Works on a session of data-engine-x, which has this build's migrations. */
  readonly withDatabase: <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>
}
