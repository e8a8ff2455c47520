import { type Column, DATASETS, type Dataset } from '@hq-export/contract'

/** A column by its place in the dataset. */
export interface PlannedColumn {
  readonly name: string
  readonly at: number
}

/** A value that is allowed and means nothing, by column. */
export interface Meaningless extends PlannedColumn {
  readonly isMeaningless: (text: string) => boolean
}

/** What is counted of the rows of a dataset, made of its descriptor. */
export interface ProfilePlan {
  readonly dataset: Dataset
  readonly nullable: readonly PlannedColumn[]
  readonly texts: readonly PlannedColumn[]
  /** A row lacks the field where each alternative has a column without a value. */
  readonly critical: readonly {
    readonly name: string
    readonly anyOf: readonly (readonly number[])[]
  }[]
  readonly times: readonly PlannedColumn[]
  readonly timeColumn: number
  readonly spans: readonly { readonly name: string; readonly start: number; readonly end: number }[]
  readonly nonNegative: readonly PlannedColumn[]
  readonly meaningless: readonly Meaningless[]
  /** Of closed and open sets. */
  readonly sets: readonly PlannedColumn[]
  readonly mix:
    | { readonly status: number; readonly operation: number; readonly provider: number }
    | undefined
}

export const NIL_UUID = '00000000-0000-0000-0000-000000000000'

/** By the name of a column, in whatever dataset. */
const MEANINGLESS: Readonly<Record<string, (text: string) => boolean>> = {
  attempt_count: (text) => text === '0',
  company_id: (text) => text === NIL_UUID,
  http_status: (text) => !/^[1-5]\d\d$/.test(text),
}

function planOf(dataset: Dataset): ProfilePlan {
  const { columns, criticalFields, quality, timeColumn } = dataset
  const at = (name: string) => columns.findIndex((column) => column.name === name)
  const planned = (holds: (column: Column) => boolean): PlannedColumn[] =>
    columns.flatMap((column, index) => (holds(column) ? [{ name: column.name, at: index }] : []))
  const { distribution, openSets, spans, nonNegative } = quality
  return {
    dataset,
    nullable: planned(({ nullable }) => nullable),
    texts: planned(({ type, name }) => type === 'text' && name !== 'export_schema_version'),
    critical: criticalFields.map(({ name, anyOf }) => ({
      name,
      anyOf: anyOf.map((names) => names.map(at)),
    })),
    times: planned(({ type }) => type === 'timestamptz'),
    timeColumn: at(timeColumn),
    spans: spans.map(({ start, end }) => ({ name: end, start: at(start), end: at(end) })),
    nonNegative: planned(({ name }) => nonNegative.includes(name)),
    meaningless: planned(({ name }) => Object.hasOwn(MEANINGLESS, name)).map((column) => ({
      ...column,
      isMeaningless: MEANINGLESS[column.name] ?? (() => false),
    })),
    sets: planned(
      ({ name, values }) =>
        (values !== undefined && name !== 'export_schema_version') || openSets.includes(name),
    ),
    mix:
      distribution === undefined
        ? undefined
        : {
            status: at(distribution.column),
            operation: at(distribution.by[0]),
            provider: at(distribution.by[1]),
          },
  }
}

const plans = new Map(DATASETS.map((dataset) => [dataset.name as string, planOf(dataset)]))

/** The plan of a dataset; undefined for the heartbeat. */
export function findProfilePlan(name: string): ProfilePlan | undefined {
  return plans.get(name)
}
