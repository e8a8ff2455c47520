import {
  batchResultSchema,
  DATASETS,
  type Dataset,
  digestAnswerSchema,
  digestRequestSchema,
  digestRowsAnswerSchema,
  digestRowsRequestSchema,
  envelopeSchema,
  freshnessAnswerSchema,
  freshnessReportSchema,
  freshnessSchema,
  HEARTBEAT_DATASET,
  LIMITS,
  PROBLEMS,
  type ProblemCode,
  problemSchema,
  reconciliationAnswerSchema,
  reconciliationSchema,
  schemaVersionOf,
} from '@hq-export/contract'
import { z } from 'zod'
import { DEFAULT_GATEWAY_LIMITS, describeLimits } from '../admission/gateway-limits.ts'
import { findDatasetRules } from '../validate/dataset-rules.ts'

export type JsonSchema = z.core.JSONSchema.JSONSchema

/** Every dataset that a batch may be of, the heartbeat included. */
export const BATCH_DATASETS: readonly string[] = [
  ...DATASETS.map(({ name }) => name),
  HEARTBEAT_DATASET,
]

/** Name of the schema of a batch of one dataset. */
export function batchSchemaName(dataset: string): string {
  return `batch_of_${dataset}`
}

/** As OpenAPI 3.1 has its schemas. What zod cannot say in JSON Schema is an error, not a hole. */
function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { unrepresentable: 'throw', io: 'input' })
  return rest
}

function describeColumns(schema: JsonSchema, columns: Dataset['columns']): JsonSchema {
  const properties = { ...schema.properties }
  for (const { name, type, description } of columns) {
    const property = properties[name]
    if (typeof property === 'object') {
      properties[name] = { ...property, description: `${type}: ${description}` }
    }
  }
  return { ...schema, properties }
}

/** The schema that the gateway validates the rows with. */
function rowSchema(dataset: string): JsonSchema {
  const rules = findDatasetRules(dataset, schemaVersionOf(dataset))
  if (rules === undefined) throw new Error(`no rules for ${dataset}`)
  const columns = DATASETS.find(({ name }) => name === dataset)?.columns ?? []
  return describeColumns(toJsonSchema(rules.schema), columns)
}

function batchSchema(dataset: string): JsonSchema {
  const element = envelopeSchema.shape.rows.element
  // The envelope takes any object as a row; each dataset's schema takes that place.
  const envelope = envelopeSchema.extend({
    dataset: z.literal(dataset),
    schema_version: z.literal(schemaVersionOf(dataset)),
    rows: z
      .array(element.extend({ row: z.looseObject({}) }))
      .min(1)
      .max(LIMITS.maxRows),
  })
  const schema = toJsonSchema(envelope)
  const rows = schema.properties?.rows
  if (typeof rows !== 'object' || typeof rows.items !== 'object' || Array.isArray(rows.items)) {
    throw new Error('the envelope has no rows')
  }
  const { items } = rows
  const properties = {
    ...items.properties,
    row: { $ref: `#/components/schemas/row_of_${dataset}` },
  }
  return {
    ...schema,
    properties: { ...schema.properties, rows: { ...rows, items: { ...items, properties } } },
  }
}

const limitsSchema = z.object(
  Object.fromEntries(
    Object.keys(describeLimits(DEFAULT_GATEWAY_LIMITS)).map((name) => [name, z.int().min(0)]),
  ),
)

const namedProblemSchema = problemSchema.extend({
  code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
})

/** `components.schemas`, all of it from the schemas that both sides validate with. */
export function componentSchemas(): Record<string, JsonSchema> {
  const ofDatasets = BATCH_DATASETS.flatMap((dataset): [string, JsonSchema][] => [
    [`row_of_${dataset}`, rowSchema(dataset)],
    [batchSchemaName(dataset), batchSchema(dataset)],
  ])
  return {
    ...Object.fromEntries(ofDatasets),
    answer: toJsonSchema(batchResultSchema),
    digest_request: toJsonSchema(digestRequestSchema),
    digest_answer: toJsonSchema(digestAnswerSchema),
    digest_rows_request: toJsonSchema(digestRowsRequestSchema),
    digest_rows_answer: toJsonSchema(digestRowsAnswerSchema),
    freshness_report: toJsonSchema(freshnessReportSchema),
    freshness_answer: toJsonSchema(freshnessAnswerSchema),
    freshness: toJsonSchema(freshnessSchema),
    reconciliation: toJsonSchema(reconciliationSchema),
    reconciliation_answer: toJsonSchema(reconciliationAnswerSchema),
    problem: toJsonSchema(namedProblemSchema),
    limits: toJsonSchema(limitsSchema),
  }
}
