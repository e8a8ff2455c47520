import type pg from 'pg'
import type { Binding } from '../../binding/binding-schema.ts'
import type { GeneratedSql } from '../../binding/capture/generate.ts'
import type { SourceTable } from '../../binding/source-table.ts'

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

/**
 * What the checks of a binding look at: what was recorded, and what this build would make of it
 * today.
 */
export interface BoundState {
  readonly binding: Binding
  /** The command that installs this binding again. */
  readonly bindCommand: string
  /** Everything that forbids to bind the sources as they are now. */
  readonly problems: readonly string[]
  readonly sources: ReadonlyMap<string, SourceTable>
  /** Undefined where the problems are such that nothing can be generated. */
  readonly sql: GeneratedSql | undefined
  /** True where captures fire for each row. */
  readonly isByRow: boolean
}

/** What every check may use. */
export interface Examination {
  /** Session of the login role as it is, search path `pg_catalog`; what `bind` would see. */
  readonly login: pg.Client
  /** Session as `relay -- run` opens it. @throws what opening it throws. */
  readonly relay: () => Promise<pg.Client>
  /** @returns undefined where nothing is bound. */
  readonly bound: () => Promise<BoundState | undefined>
}

/** One thing that can be wrong with a source. */
export interface Check {
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
