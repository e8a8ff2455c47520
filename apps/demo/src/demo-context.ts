import type { DemoOptions } from './options.ts'

/** How a demo ended. */
export type DemoResult = 'good' | 'wrong' | 'unknown'

/** What the demo gets from the process it runs in. */
export interface DemoContext {
  readonly options: DemoOptions
  readonly env: Readonly<Record<string, string | undefined>>
  readonly say: (line: string) => void
  readonly warn: (line: string) => void
  /** Aborted when the user wants it to end. */
  readonly stopping: AbortSignal
  /** Aborted when the user does not want to wait for a clean end. */
  readonly aborting: AbortSignal
}
