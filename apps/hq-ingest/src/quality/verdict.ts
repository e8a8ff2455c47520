import { z } from 'zod'

/** `page`: somebody should look now. `warn`: in working hours. */
export type Severity = 'page' | 'warn'

/** What a verdict would have needed and did not have. */
export type Lack = 'rows' | 'baseline' | 'comparison' | 'heartbeat'

/** A part of the rows that stands out; names only, and no value of a row but those of a set. */
export interface Cause {
  /** Column, or what else tells the part apart. */
  readonly what: string
  readonly name: string
  /** Rows of it that fail, of all rows of it. */
  readonly count: number
  readonly of: number
  /** Share of them that is usual; null where nothing is. */
  readonly usual: number | null
}

/** What a check came to. */
export interface Verdict {
  readonly check: string
  /** Never `pass` for want of data. */
  readonly verdict: 'pass' | 'fail' | 'not_enough_rows'
  readonly severity: Severity
  /** Of a failure: which rule of the check was broken. */
  readonly rule: string | null
  /** Of `not_enough_rows`. */
  readonly lacks: Lack | null
  /** What was measured, in words. */
  readonly metric: string
  readonly value: number | null
  /** From where on it fails. */
  readonly threshold: number | null
  /** What is usual. */
  readonly baseline: number | null
  /** Rows that were looked at. */
  readonly rows: number
  /** Share of them that fails; null where that means nothing. */
  readonly fraction: number | null
  /** What stands out, the worst first. */
  readonly worst: readonly Cause[]
  /** Of what passes because somebody said that it may: the size up to which it does. */
  readonly tolerated?: number
}

const measuredSchema = z.number().nullable()

/** As incidents and reports keep it. */
export const verdictSchema: z.ZodType<Verdict> = z.object({
  check: z.string(),
  verdict: z.enum(['pass', 'fail', 'not_enough_rows']),
  severity: z.enum(['page', 'warn']),
  rule: z.string().nullable(),
  lacks: z.enum(['rows', 'baseline', 'comparison', 'heartbeat']).nullable(),
  metric: z.string(),
  value: measuredSchema,
  threshold: measuredSchema,
  baseline: measuredSchema,
  rows: z.number(),
  fraction: measuredSchema,
  worst: z.array(
    z.object({
      what: z.string(),
      name: z.string(),
      count: z.number(),
      of: z.number(),
      usual: measuredSchema,
    }),
  ),
  tolerated: z.number().exactOptional(),
})

/** Rules that compare with what is usual; what breaks another one is wrong, however long. */
const OF_THE_USUAL: ReadonlySet<string> = new Set([
  'drift',
  'distribution',
  'failed',
  'failed of a part',
  'known',
  'operation',
  'silent',
])

/** True for a rule that compares with what is usual. */
export function isOfTheUsual(rule: string): boolean {
  return OF_THE_USUAL.has(rule)
}

/** How large what failed is: a share, or a number where there is none. */
export function sizeOf({ fraction, value }: Pick<Verdict, 'fraction' | 'value'>): number {
  return fraction ?? value ?? 0
}

/** Sizes up to which checks do not fail, by name. */
export type Tolerances = Readonly<Record<string, number>>

/** What a verdict is where its check may find so much; what is wrong with certainty stays so. */
export function tolerate(verdict: Verdict, tolerances: Tolerances): Verdict {
  const tolerated = tolerances[verdict.check] ?? 0
  const { rule } = verdict
  if (rule === null || !isOfTheUsual(rule) || sizeOf(verdict) > tolerated) return verdict
  return { ...verdict, verdict: 'pass', severity: 'warn', rule: null, tolerated }
}

/** A verdict but for what it came to. */
export type Measured = Pick<Verdict, 'check' | 'metric' | 'rows'> &
  Partial<Pick<Verdict, 'value' | 'threshold' | 'baseline' | 'fraction' | 'worst'>>

function verdictOf(
  measured: Measured,
  came: Pick<Verdict, 'verdict' | 'severity' | 'rule' | 'lacks'>,
): Verdict {
  const unknown = { value: null, threshold: null, baseline: null, fraction: null, worst: [] }
  return { ...unknown, ...measured, ...came }
}

/** A verdict that nothing is wrong. */
export function passed(measured: Measured): Verdict {
  return verdictOf(measured, { verdict: 'pass', severity: 'warn', rule: null, lacks: null })
}

/** A verdict that a rule is broken. */
export function failed(measured: Measured, rule: string, severity: Severity): Verdict {
  return verdictOf(measured, { verdict: 'fail', severity, rule, lacks: null })
}

/** A verdict that nothing can be told. */
export function undecided(measured: Measured, lacks: Lack): Verdict {
  return verdictOf(measured, { verdict: 'not_enough_rows', severity: 'warn', rule: null, lacks })
}
