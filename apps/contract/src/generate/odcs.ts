import type { Lock, LockedColumn, LockedDataset, QualityRule } from '@hq-export/contract'
import { stringify } from 'yaml'

/** Version of the Open Data Contract Standard. */
const API_VERSION = 'v3.1.0'

const LOGICAL_TYPES: Readonly<Record<string, string>> = {
  text: 'string',
  uuid: 'string',
  int4: 'integer',
  int8: 'integer',
  numeric: 'number',
  boolean: 'boolean',
  timestamptz: 'timestamp',
  jsonb: 'object',
}

function custom(properties: Readonly<Record<string, unknown>>) {
  return Object.entries(properties)
    .filter(([, value]) => value !== null)
    .map(([property, value]) => ({ property, value }))
}

function propertyOf(column: LockedColumn, dataset: LockedDataset) {
  const { name, type, wire, nullable, values, personal, since, deprecated } = column
  const position = dataset.primary_key.indexOf(name) + 1
  const isCritical = dataset.quality.some(
    ({ check, on }) => check === 'null_rate' && on.flat().includes(name),
  )
  return {
    id: name,
    name,
    description: column.description,
    logicalType: LOGICAL_TYPES[type] ?? 'string',
    physicalType: type,
    required: !nullable,
    ...(type === 'timestamptz' && { logicalTypeOptions: { timezone: true } }),
    ...(position > 0 && { primaryKey: true, primaryKeyPosition: position }),
    ...(personal && { classification: 'personal' }),
    ...(isCritical && { criticalDataElement: true }),
    ...(values !== null && {
      quality: [
        {
          id: `${name}_values`,
          metric: 'invalidValues',
          arguments: { validValues: values },
          mustBe: 0,
          dimension: 'conformity',
        },
      ],
    }),
    customProperties: custom({ wire, since, deprecated }),
  }
}

function duplicates(id: string, properties: readonly string[]) {
  return {
    id,
    metric: 'duplicateValues',
    arguments: { properties },
    mustBe: 0,
    dimension: 'uniqueness',
  }
}

function datasetOf({ datasets }: Lock, name: string): LockedDataset {
  const dataset = datasets[name]
  if (dataset === undefined) throw new RangeError(`no dataset ${name} in the lock`)
  return dataset
}

/**
 * Of the kind that ODCS has. They stand at the dataset and not at a column, because a key may have
 * several; each leads into the document of the other dataset, which lies beside this one.
 */
function relationshipsOf(name: string, { links }: LockedDataset, lock: Lock) {
  const properties = (dataset: string, columns: readonly string[]) =>
    columns.map((column) => `schema/${dataset}/properties/${column}`)
  const one = ([first, ...others]: readonly string[]) =>
    others.length === 0 ? first : [first, ...others]
  return links.map(({ columns, to }) => ({
    type: 'foreignKey',
    from: one(properties(name, columns)),
    to: one(
      properties(to, datasetOf(lock, to).primary_key).map((path) => `${to}.odcs.yaml#/${path}`),
    ),
    customProperties: custom({ enforced: false }),
  }))
}

const DIMENSIONS: Readonly<Record<string, string>> = {
  null_rate: 'completeness',
  parity: 'consistency',
}

const SAYS: Readonly<Record<string, string>> = {
  null_rate: 'the share of rows that lack this, in HQ as in the source',
  parity: 'HQ and source hold the same rows, by count and by checksum over',
}

function qualityRuleOf({ check, on, at_most_percent }: QualityRule) {
  const columns = on.map((alternative) => alternative.join(' and ')).join(', or ')
  const bound = at_most_percent === null ? '' : `; at most ${at_most_percent} %`
  const dimension = DIMENSIONS[check]
  return {
    id: [check, ...on.flat()].join('_'),
    type: 'text',
    ...(dimension !== undefined && { dimension }),
    description: `${SAYS[check] ?? check}: ${columns}${bound}`,
  }
}

function qualityOf({ primary_key, uniqueness_guard, quality }: LockedDataset) {
  return [
    duplicates('primary_key', primary_key),
    ...(uniqueness_guard === null ? [] : [duplicates('uniqueness_guard', uniqueness_guard)]),
    ...quality.map(qualityRuleOf),
  ]
}

function slaOf(name: string, { sla, time_column, deprecation }: LockedDataset) {
  const [min, max] = sla.micro_batch_minutes
  return [
    { property: 'latency', value: max, unit: 'min', element: `${name}.${time_column}` },
    { property: 'frequency', value: min, valueExt: max, unit: 'min' },
    ...(deprecation === null ? [] : [{ property: 'endOfSupport', value: deprecation.sunset }]),
  ]
}

/**
 * A dataset version of a lock as an ODCS document, in YAML: for catalogues and other tools.
 * @throws where the lock does not have it.
 */
export function odcsOf(name: string, lock: Lock): string {
  const dataset = datasetOf(lock, name)
  const { schema_version, semantics, version_column, deprecation } = dataset
  const relationships = relationshipsOf(name, dataset, lock)
  const document = {
    apiVersion: API_VERSION,
    kind: 'DataContract',
    id: `urn:hq-export:${name}`,
    name,
    version: schema_version,
    status: dataset.status,
    domain: 'data-engine-x',
    description: {
      purpose: dataset.description,
      limitations: 'docs/EXPORT_CONTRACT_V1.md is normative; this is generated from the lock.',
    },
    schema: [
      {
        id: name,
        name,
        physicalName: `hq.${name}`,
        physicalType: 'table',
        logicalType: 'object',
        description: dataset.description,
        properties: dataset.columns.map((column) => propertyOf(column, dataset)),
        ...(relationships.length > 0 && { relationships }),
        quality: qualityOf(dataset),
      },
    ],
    slaProperties: slaOf(name, dataset),
    customProperties: custom({
      writeSemantics: semantics,
      versionColumn: version_column,
      timeColumn: dataset.time_column,
      uniquenessGuard: dataset.uniqueness_guard,
      checksums: dataset.checksums.map(({ algorithm, id }) => `${algorithm} ${id}`),
      reservedNames: dataset.reserved.map((entry) => entry.name),
      follows: dataset.follows?.dataset ?? null,
      successors: deprecation?.successors ?? null,
      lockSha256: dataset.sha256,
    }),
  }
  return `# Generated: npm run contract -- generate\n${stringify(document, { lineWidth: 100 })}`
}
