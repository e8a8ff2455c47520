import { expect, test } from 'vitest'
import { BindingError, listBindings, loadBinding, parseBinding } from './load-binding.ts'

const EVENTS = { dataset: 'dx_operation_events_v1', table: 'ops.events', key: ['id'] }
const PERSONS = {
  dataset: 'dx_person_entities_v1',
  table: 'e.persons',
  key: ['id'],
  version: 'revision',
}

function problemsOf(...datasets: object[]): readonly string[] {
  try {
    parseBinding('test', { name: 'test', datasets })
  } catch (error) {
    if (error instanceof BindingError) return error.problems
    throw error
  }
  return []
}

test('every binding that ships is valid', async () => {
  const names = await listBindings()
  expect(names).toContain('reference')
  for (const name of names) expect((await loadBinding(name)).name).toBe(name)
})

test('a name that is neither a binding nor a file is refused, naming what ships', async () => {
  await expect(loadBinding('nowhere')).rejects.toThrow(/one of the bindings that ship: .*reference/)
})

test('a file that is not JSON is refused as that', async () => {
  await expect(loadBinding(import.meta.filename)).rejects.toThrow(/it is not JSON/)
})

test('a minimal binding is valid', () => {
  expect(problemsOf(EVENTS, PERSONS)).toEqual([])
})

test.each([
  [
    'an upsert dataset without a version',
    { ...PERSONS, version: undefined },
    'an upsert dataset needs it',
  ],
  ['an append dataset with a version', { ...EVENTS, version: 'v' }, 'is for upsert datasets'],
  [
    'a terminal status of an entity',
    { ...PERSONS, terminal: { column: 's', values: ['x'] } },
    'is for append datasets',
  ],
  [
    'a column that the contract lacks',
    { ...EVENTS, columns: { colour: 'r.c' } },
    'the contract has no such column',
  ],
  [
    'a mapping of the version',
    { ...PERSONS, columns: { record_version: 'r.v' } },
    'is computed and cannot be mapped',
  ],
  [
    'an empty expression',
    { ...EVENTS, columns: { provider: ' ' } },
    'must be a SQL expression over r',
  ],
  [
    'an expression that ends the statement',
    { ...EVENTS, filter: 'true; drop table x' },
    'must not contain -- or ;',
  ],
  [
    'an expression that ends the function body',
    { ...EVENTS, filter: '$capture$' },
    'must not contain $capture$',
  ],
  ['a table without schema', { ...EVENTS, table: 'events' }, 'must be schema.table'],
  ['the derived dataset', { ...EVENTS, dataset: 'dx_entity_snapshots_v1' }, 'Invalid option'],
  ['an unknown field', { ...EVENTS, colour: 1 }, 'Unrecognized key'],
])('%s is refused', (_, dataset, message) => {
  expect(problemsOf(dataset)).toEqual([expect.stringContaining(message)])
})

test('a dataset that is bound twice is refused', () => {
  expect(problemsOf(EVENTS, EVENTS)).toEqual(['datasets.1: dx_operation_events_v1 is bound twice'])
})

test('all problems are reported at once', () => {
  expect(problemsOf({ ...EVENTS, table: 'x' }, { ...PERSONS, filter: '' })).toHaveLength(2)
})
