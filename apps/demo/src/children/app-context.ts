import type { ChildExitError } from './child-app.ts'

/** What both apps are started with. */
export interface AppContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder for logs and process ids. */
  readonly folder: string
  /** Name under which the relay signs and the gateway files what it receives. */
  readonly source: string
  /** Shared by both: `whsec_...`. */
  readonly secret: string
  readonly onWarning: (text: string) => void
  /** Called if an app ends by itself. */
  readonly onExit: (error: ChildExitError) => void
  /** Aborted when the demo is to end, also before the apps are ready. */
  readonly stopping: AbortSignal
  /** Aborted when nothing is worth waiting for any more. */
  readonly aborting: AbortSignal
}
