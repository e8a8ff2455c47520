/** One line of the result: ours beside what PostgreSQL alone does in the same run. */
export interface Measure {
  readonly name: string
  readonly unit: string
  readonly ours: number
  /** Null where nothing compares. */
  readonly anchor: number | null
  readonly anchor_name: string | null
}

/** What a scenario is given. */
export interface BenchOptions {
  /** Rows to measure with; a scenario says what a row is. */
  readonly rows: number
  /** Rounds of ours and anchor; measures are medians. */
  readonly repeat: number
  /** Where to write CPU profiles of relay and gateway; undefined takes none. */
  readonly profileFolder: string | undefined
  /** Environment that child programs inherit from; the settings of relay and gateway are removed from it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl-C: every wait ends with its reason and everything started is removed. */
  readonly signal: AbortSignal
  /** Says what is going on; not part of the result. */
  readonly report: (line: string) => void
}

/** What a scenario found. */
export interface Measurement {
  /** Bytes of JSON of one row as captured, on average. */
  readonly rowBytes: number
  readonly postgresql: string
  readonly measures: readonly Measure[]
  /** Findings for people, outside the fixed JSON: how it was measured, CPU per row. */
  readonly notes: readonly string[]
}

/** A benchmark: a program that binds only the datasets that it measures. */
export interface Scenario {
  readonly name: string
  readonly summary: string
  readonly defaultRows: number
  readonly run: (options: BenchOptions) => Promise<Measurement>
}

/** HQ does not hold what it should: the speed of a wrong result means nothing. */
export class WrongResultError extends Error {
  override readonly name = 'WrongResultError'
}
