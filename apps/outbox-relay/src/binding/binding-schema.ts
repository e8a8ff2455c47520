import { DATASETS, datasetByName } from '@hq-export/contract'
import { z } from 'zod'

/** Derived from the entity datasets, never bound by itself. */
export const SNAPSHOTS_DATASET = 'dx_entity_snapshots_v1'

const BINDABLE = DATASETS.map(({ name }) => name).filter((name) => name !== SNAPSHOTS_DATASET)
/** Columns whose value the generator computes; a binding must not map them. */
const COMPUTED_COLUMNS = ['export_schema_version']
/** Encloses generated function bodies, so no expression may contain it. */
export const BODY_QUOTE = '$capture$'
/** Encloses generated SQL inside a function body. */
export const QUERY_QUOTE = '$query$'

const expression = z
  .string()
  .trim()
  .min(1, 'must be a SQL expression over r')
  .refine(
    (text) => !text.includes(BODY_QUOTE) && !text.includes(QUERY_QUOTE),
    `must not contain ${BODY_QUOTE} or ${QUERY_QUOTE}`,
  )
  .refine((text) => !text.includes('--') && !text.includes(';'), 'must not contain -- or ;')

const sourceColumn = z.string().min(1).max(63)

const sourceTable = z.string().regex(/^[^.\s]+\.[^.\s]+$/, 'must be schema.table, without quotes')

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
    /** Rows for which it is not true are outside the contract. */
    filter: expression.optional(),
    /** Append datasets whose rows change until they end: exported once, at the first of these values. */
    terminal: z
      .strictObject({ column: sourceColumn, values: z.array(z.string()).min(1) })
      .optional(),
    /** Entity datasets: where the row of dx_entity_snapshots_v1 comes from. */
    snapshot: z
      .strictObject({
        payload: expression,
        capturedAt: expression,
        sourceRunId: expression.default('null'),
      })
      .optional(),
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
    const computed = [...COMPUTED_COLUMNS, dataset.versionColumn]
    for (const name of Object.keys(bound.columns)) {
      if (computed.includes(name)) refuse(['columns', name], 'is computed and cannot be mapped')
      else if (!dataset.columns.some((column) => column.name === name))
        refuse(['columns', name], 'the contract has no such column')
    }
  })

/** What a binding file holds (design 4, Binding): data only, nothing executable but SQL expressions. */
export const bindingSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case words joined by -'),
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
  })

/** A validated binding. */
export type Binding = z.infer<typeof bindingSchema>
/** One dataset of a binding. */
export type BoundDataset = Binding['datasets'][number]
