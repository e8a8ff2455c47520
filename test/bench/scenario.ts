/** One line of the result: ours beside what PostgreSQL alone does in the same run. */
export interface Measure {
  readonly name: string
  readonly unit: string
  readonly ours: number
  /** Null where nothing compares. */
  readonly anchor: number | null
  readonly anchor_name: string | null
  /** What each round measured, whose medians stand above. */
  readonly ours_rounds: readonly number[]
  readonly anchor_rounds: readonly number[] | null
}

/** What a scenario is given. */
export interface BenchOptions {
  /** Rows to measure with; a scenario says what a row is. 0 for a scenario that runs for a time. */
  readonly rows: number
  /**
   * Rows of one transaction of the writing application, in the drains, for ours and anchor alike.
   */
  readonly rowsPerCommit: number
  /** How long one round writes; 0 for a scenario of a number of rows. */
  readonly seconds: number
  /** Rounds of ours and anchor; measures are medians. */
  readonly repeat: number
  /** Where to write CPU profiles of relay and gateway; undefined takes none. */
  readonly profileFolder: string | undefined
  /**
   * Environment that child programs inherit from; the settings of relay and gateway are removed
   * from it.
   */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Standard variables of OpenTelemetry for relay and gateway; without them neither traces. */
  readonly tracingEnv?: Readonly<Record<string, string>> | undefined
  /** Aborted by Ctrl-C: every wait ends with its reason and everything started is removed. */
  readonly signal: AbortSignal
  /** Says what is going on; not part of the result. */
  readonly report: (line: string) => void
}

/** What a scenario found. */
export interface Measurement {
  /** Rows that were measured with, in one round of ours. */
  readonly rows: number
  /** Bytes of JSON of one row as captured, on average. */
  readonly rowBytes: number
  readonly postgresql: string
  readonly measures: readonly Measure[]
  /** Findings for people, outside the fixed JSON: how it was measured, CPU per row. */
  readonly notes: readonly string[]
}

/** How much a scenario measures unless it is told: a number of rows, or for how many seconds. */
export type BenchSize = { readonly rows: number } | { readonly seconds: number }

/** A benchmark: a program that binds only the datasets that it measures. */
export interface Scenario {
  readonly name: string
  readonly summary: string
  readonly size: BenchSize
  readonly run: (options: BenchOptions) => Promise<Measurement>
}

/** HQ does not hold what it should: the speed of a wrong result means nothing. */
export class WrongResultError extends Error {
  override readonly name = 'WrongResultError'
}
