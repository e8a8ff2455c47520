/** How bad it is: `unknown` where the doctor could not look. */
export type FindingState = 'ok' | 'warn' | 'fail' | 'unknown'

/** What one check found. */
export interface Finding {
  readonly state: FindingState
  /** What is there: names and numbers, never a row's value. */
  readonly found: string
  /** What to do about it; null where there is nothing to do. */
  readonly todo: string | null
}

/** A finding with the name of its check. */
export interface NamedFinding extends Finding {
  readonly check: string
}

/** One thing that can be wrong, found by looking at what an examination offers. */
export interface CheckOf<Examination> {
  readonly name: string
  /** Where it fails there is nothing that later checks could look at: the examination ends. */
  readonly isDecisive?: boolean
  readonly examine: (examination: Examination) => Promise<Finding | readonly Finding[]>
}

/** Nothing to do. */
export function ok(found: string): Finding {
  return { state: 'ok', found, todo: null }
}

/** It works, and will not for ever or not as well as it could. */
export function warn(found: string, todo: string): Finding {
  return { state: 'warn', found, todo }
}

/** Rows are lost, wait, or will. */
export function fail(found: string, todo: string): Finding {
  return { state: 'fail', found, todo }
}

/** It could not be told. */
export function unknown(found: string, todo: string): Finding {
  return { state: 'unknown', found, todo }
}
