import { DATASETS, datasetByName } from '@hq-export/contract'
import { z } from 'zod'
import { expression, sourceColumn, sourceTable } from './binding-values.ts'
import { sequence, settle, snapshot } from './late-data-schema.ts'

/** Derived from the entity datasets, never bound by itself. */
export const SNAPSHOTS_DATASET = 'dx_entity_snapshots_v1'

const BINDABLE = DATASETS.map(({ name }) => name).filter((name) => name !== SNAPSHOTS_DATASET)
/** Columns whose value the generator computes; a binding must not map them. */
const COMPUTED_COLUMNS = ['export_schema_version']

const boundDataset = z
  .strictObject({
    dataset: z.enum(BINDABLE),
    /** `schema.table` of the operational table; the root of a partitioned one. */
    table: sourceTable,
    /** Source columns that identify a row. The contract's key must be computed from these alone. */
    key: z.array(sourceColumn).min(1),
    /** Upsert datasets: source column with the application's version of the row. */
    version: sourceColumn.optional(),
    /** Contract column to SQL expression over the row `r`; what is absent is `r.<same name>`. */
    columns: z.record(z.string(), expression).default({}),
    /**
     * Append datasets: joins after the row `r` whose aliases the expressions may use, one row to
     * one.
     */
    joins: expression.optional(),
    /**
     * Tables other than `table` that joins and expressions read; its owner must see every row of
     * them.
     */
    reads: z.array(sourceTable).default([]),
    /** Rows for which it is not true are outside the contract. */
    filter: expression.optional(),
    /**
     * Append datasets whose rows change until they end: exported once, at the first of these
     * values.
     */
    terminal: z
      .strictObject({ column: sourceColumn, values: z.array(z.string()).min(1) })
      .optional(),
    /** Append datasets whose rows are completed by other rows in later transactions. */
    settle: settle.optional(),
    /** Append datasets: a contract column that counts within a group. */
    sequence: sequence.optional(),
    /** Entity datasets: where the row of dx_entity_snapshots_v1 comes from. */
    snapshot: snapshot.optional(),
  })
  .superRefine((bound, context) => {
    const dataset = datasetByName(bound.dataset)
    const refuse = (path: string[], message: string): void => {
      context.addIssue({ code: 'custom', path, message: `${bound.dataset}: ${message}` })
    }
    const isUpsert = dataset.semantics === 'upsert'
    if (isUpsert && bound.version === undefined) refuse(['version'], 'an upsert dataset needs it')
    if (isUpsert && bound.terminal !== undefined) refuse(['terminal'], 'is for append datasets')
    if (!isUpsert && bound.version !== undefined) refuse(['version'], 'is for upsert datasets')
    if (!isUpsert && bound.snapshot !== undefined) refuse(['snapshot'], 'is for upsert datasets')
    for (const field of ['settle', 'sequence', 'joins'] as const) {
      if (isUpsert && bound[field] !== undefined) refuse([field], 'is for append datasets')
    }
    if (bound.settle !== undefined && bound.terminal !== undefined)
      refuse(['settle'], 'excludes terminal: a row settles once, when it is inserted')
    if (bound.settle !== undefined && bound.key.length !== 1)
      refuse(['settle'], 'needs a key of one column')
    const computed = [...COMPUTED_COLUMNS, dataset.versionColumn, bound.sequence?.column]
    for (const name of Object.keys(bound.columns)) {
      if (computed.includes(name)) refuse(['columns', name], 'is computed and cannot be mapped')
      else if (!dataset.columns.some((column) => column.name === name))
        refuse(['columns', name], 'the contract has no such column')
    }
  })

/** What a binding file holds: data only, nothing executable but SQL expressions. */
export const bindingSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case words joined by -'),
    /**
     * Extensions that expressions use. With uuid-ossp there is hq_export.uuid5(text), wherever the
     * extension stands.
     */
    extensions: z.array(z.enum(['uuid-ossp'])).default([]),
    datasets: z.array(boundDataset).min(1),
  })
  .superRefine(({ datasets }, context) => {
    datasets.forEach(({ dataset }, index) => {
      if (datasets.findIndex((other) => other.dataset === dataset) !== index) {
        context.addIssue({
          code: 'custom',
          path: ['datasets', index],
          message: `${dataset} is bound twice`,
        })
      }
    })
    for (const [index, { dataset, settle }] of datasets.entries()) {
      if (settle === undefined || datasets.some(({ table }) => table === settle.children.table))
        continue
      context.addIssue({
        code: 'custom',
        path: ['datasets', index, 'settle', 'children', 'table'],
        message: `${dataset}: must be the table of another dataset of the binding`,
      })
    }
  })

/** A validated binding. */
export type Binding = z.infer<typeof bindingSchema>
/** One dataset of a binding. */
export type BoundDataset = Binding['datasets'][number]
