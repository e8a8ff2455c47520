import { expect, test } from 'vitest'
import type { Dataset } from '../datasets/dataset.ts'
import { datasetByName } from '../datasets/datasets.ts'
import { canonicalJson, sha256Of } from './canonical-json.ts'
import { type Lock, lockSchema } from './lock.ts'
import { datasetFamily, EMPTY_LOCK, lockOf, sealDataset } from './lock-of.ts'

const PERSON = datasetByName('dx_person_entities_v1')
const V2: Dataset = {
  ...PERSON,
  name: 'dx_person_entities_v2',
  columns: PERSON.columns.filter(({ name }) => name !== 'title'),
}

const entryOf = (lock: Lock, name: string) => {
  const entry = lock.datasets[name]
  if (entry === undefined) throw new RangeError(name)
  return entry
}

test('canonical JSON is one text, whatever the order of its names', () => {
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe(
    '{\n  "a": "x",\n  "b": [\n    {\n      "c": null,\n      "d": 1\n    }\n  ]\n}\n',
  )
  expect(sha256Of({ b: 1, a: 2 })).toBe(sha256Of({ a: 2, b: 1 }))
  expect(sha256Of({ a: [1, 2] })).not.toBe(sha256Of({ a: [2, 1] }))
})

test('a lock is read as it was written, and made anew of the same descriptors it is the same', () => {
  const lock = lockOf([PERSON], EMPTY_LOCK)
  const text = canonicalJson(lock)
  expect(lockSchema.parse(JSON.parse(text))).toEqual(lock)
  expect(canonicalJson(lockOf([PERSON], lock))).toBe(text)
})

test('a new version is a draft; what a lock says of a life stays', () => {
  const first = lockOf([PERSON], EMPTY_LOCK)
  expect(entryOf(first, PERSON.name)).toMatchObject({ status: 'draft', frozen_in: null })
  const active = sealDataset({
    ...entryOf(first, PERSON.name),
    status: 'active',
    frozen_in: '0.1.0',
  })
  const again = lockOf([PERSON], { ...first, datasets: { [PERSON.name]: active } })
  expect(entryOf(again, PERSON.name)).toEqual(active)
})

test('the hash of a dataset changes with everything that it says', () => {
  const entry = entryOf(lockOf([PERSON], EMPTY_LOCK), PERSON.name)
  expect(sealDataset(entry)).toEqual(entry)
  expect(sealDataset({ ...entry, status: 'active' }).sha256).not.toBe(entry.sha256)
})

test('a name that an earlier version or an earlier state had is reserved, for ever', () => {
  const lock = lockOf([PERSON, V2], lockOf([PERSON], EMPTY_LOCK))
  const reserved = [{ name: 'title', type: 'text', last_in: PERSON.name }]
  expect(entryOf(lock, V2.name).reserved).toEqual(reserved)
  expect(entryOf(lock, PERSON.name).reserved).toEqual([])
  const taken = lockOf([{ ...V2, columns: PERSON.columns }], lock)
  expect(entryOf(taken, V2.name).reserved).toEqual(reserved)
})

test('only a retired version outlives its descriptor', () => {
  const lock = lockOf([PERSON], EMPTY_LOCK)
  expect(lockOf([], lock).datasets).toEqual({})
  const retired = { ...entryOf(lock, PERSON.name), status: 'retired' as const }
  expect(lockOf([], { ...lock, datasets: { [PERSON.name]: retired } }).datasets).toEqual({
    [PERSON.name]: retired,
  })
})

test('versions of one dataset are a family', () => {
  expect(datasetFamily(V2.name)).toBe(datasetFamily(PERSON.name))
  expect(datasetFamily('dx_people')).toBe('dx_people')
})
