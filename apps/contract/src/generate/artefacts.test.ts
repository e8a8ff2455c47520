import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DATASETS, type Lock, lockOf, lockSchema } from '@hq-export/contract'
import { openApiText } from '@hq-export/hq-ingest/openapi/openapi.ts'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readLock } from '../repository/read-state.ts'
import { WorkingTree } from '../repository/working-tree.ts'
import { calmWorld } from '../rules/fixtures/world.ts'
import { artefactsOf, CONTRACT_DOCUMENT } from './artefacts.ts'
import { odcsOf } from './odcs.ts'
import { findStale } from './stale.ts'

const root = new URL('../../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const generated = (path: string) => read(`packages/contract/generated/${path}`)
const names = DATASETS.map(({ name }) => name)

it('everything that is committed is what is generated now', () => {
  const tree = new WorkingTree(fileURLToPath(root))
  const artefacts = artefactsOf({
    datasets: DATASETS,
    lock: lockOf(DATASETS, readLock(tree)),
    openApi: openApiText(),
    contractDocument: read(CONTRACT_DOCUMENT),
  })
  expect(findStale(tree, artefacts)).toEqual([])
})

// As it was published; fixtures/NOTICE.txt has its licence. Its formats are documentation.
const isValid = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(
  JSON.parse(read('apps/contract/fixtures/odcs-json-schema-v3.1.0.json')),
)
const errorsOf = (yaml: string) => (isValid(parse(yaml)) ? [] : isValid.errors)

describe('ODCS', () => {
  it.each(names)('%s is valid against the published schema of 3.1.0', (name) => {
    const text = generated(`odcs/${name}.odcs.yaml`)
    expect(errorsOf(text)).toEqual([])
    expect(parse(text)).toMatchObject({
      apiVersion: 'v3.1.0',
      status: 'active',
      schema: [{ properties: DATASETS.find((each) => each.name === name)?.columns.map(column) }],
    })
  })

  it('the schema refuses what it does not know, so that the test above says something', () => {
    const text = generated('odcs/dx_person_entities_v1.odcs.yaml')
    expect(errorsOf(`${text}cadence: 5\n`)).not.toEqual([])
    expect(errorsOf(text.replace('status: active\n', ''))).not.toEqual([])
    expect(errorsOf(text.replace('logicalType: timestamp', 'logicalType: instant'))).not.toEqual([])
  })

  it('a deprecated version says until when it is served, and what takes its place', () => {
    const text = odcsOf('dx_things_v1', calmWorld().lock)
    expect(errorsOf(text)).toEqual([])
    expect(parse(text)).toMatchObject({
      status: 'deprecated',
      slaProperties: [{}, {}, { property: 'endOfSupport', value: '2026-04-15' }],
      customProperties: expect.arrayContaining([
        { property: 'successors', value: ['dx_things_v2'] },
      ]),
    })
  })
})

describe('ODCS relationships', () => {
  type Reference = string | string[]
  interface Relationship {
    readonly from: Reference
    readonly to: Reference
  }
  interface Document {
    readonly schema: readonly {
      readonly id: string
      readonly relationships?: readonly Relationship[]
      readonly properties: readonly { readonly id: string }[]
    }[]
  }
  const documentOf = (name: string): Document => parse(generated(`odcs/${name}.odcs.yaml`))

  it('lead from events to their runs, and are told as not enforced', () => {
    expect(documentOf('dx_operation_events_v1').schema[0]?.relationships).toEqual([
      {
        type: 'foreignKey',
        from: 'schema/dx_operation_events_v1/properties/run_id',
        to: 'dx_operation_runs_v1.odcs.yaml#/schema/dx_operation_runs_v1/properties/run_id',
        customProperties: [{ property: 'enforced', value: false }],
      },
    ])
  })

  it('lead to what the generated documents have, by the ids of their elements', () => {
    const has = (reference: string, own: string) => {
      const [, file = `${own}.odcs.yaml`, dataset, property] =
        /^(?:(.+)#\/)?schema\/(\w+)\/properties\/(\w+)$/.exec(reference) ?? []
      return documentOf(file.replace('.odcs.yaml', ''))
        .schema.filter(({ id }) => id === dataset)
        .some(({ properties }) => properties.some(({ id }) => id === property))
    }
    for (const name of names) {
      for (const { from, to } of documentOf(name).schema[0]?.relationships ?? []) {
        for (const reference of [from, to].flat()) expect(has(reference, name)).toBe(true)
      }
    }
  })

  it('of a key of several columns are lists, as the published schema wants them', () => {
    const text = odcsOf('dx_things_v1', calmWorld().lock)
    const [{ relationships: [{ from, to }] = [] } = {}] = parse(text).schema
    const paths = ['org_id', 'thing_id'].map((each) => `properties/${each}`)
    expect(from).toEqual(paths.map((path) => `schema/dx_things_v1/${path}`))
    expect(to).toEqual(paths.map((path) => `dx_parts_v1.odcs.yaml#/schema/dx_parts_v1/${path}`))
    expect(errorsOf(text)).toEqual([])
    expect(errorsOf(text.replace('schema/dx_things_v1/properties/org_id', '?'))).not.toEqual([])
  })
})

function column({ name, type, nullable }: (typeof DATASETS)[number]['columns'][number]) {
  return { name, physicalType: type, required: !nullable }
}

describe('JSON Schema 2020-12', () => {
  const ajv = new Ajv2020({ strict: true, allErrors: true })
  const { rows } = JSON.parse(read('packages/contract/vectors/rows.json')) as {
    rows: Record<string, Record<string, unknown>>
  }

  it.each(names)('%s takes a row of the vectors, and none that lacks or has a column', (name) => {
    const schema = JSON.parse(generated(`json-schema/${name}.json`))
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    const isValid = ajv.compile(schema)
    const { org_id, ...lacking } = rows[name] ?? {}
    expect(isValid({ ...lacking, org_id })).toBe(true)
    expect(isValid(lacking)).toBe(false)
    expect(isValid({ ...lacking, org_id, another: 1 })).toBe(false)
    expect(isValid({ ...lacking, org_id: 'somebody' })).toBe(false)
  })
})

it('the OpenAPI document is valid', async () => {
  const document = JSON.parse(generated('openapi.json'))
  expect((await new Validator().validate(document)).errors).toBeUndefined()
  expect(Object.keys(document.paths)).toContain('/v1/batches')
})

describe('the lock', () => {
  let lock: Lock
  beforeAll(() => {
    lock = lockSchema.parse(JSON.parse(read('packages/contract/contract.lock.json')))
  })

  it('has every dataset, frozen and served', () => {
    expect(Object.keys(lock.datasets).sort()).toEqual([...names].sort())
    for (const { status, frozen_in } of Object.values(lock.datasets)) {
      expect({ status, frozen_in }).toEqual({ status: 'active', frozen_in: '0.1.0' })
    }
  })

  it('the checksums are those that both sides compute', () => {
    expect(JSON.parse(generated('checksums.json'))).toEqual(
      Object.fromEntries(
        Object.entries(lock.datasets).map(([name, { checksums }]) => [name, checksums]),
      ),
    )
  })
})
