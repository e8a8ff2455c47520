import type { CommandLine } from '@hq-export/runtime/cli/command-line.ts'
import type { Environment } from '@hq-export/runtime/settings.ts'

/** What the commands of the gateway need of the program around them. */
export interface IngestCommandLine extends CommandLine {
  readonly env: Environment
}
