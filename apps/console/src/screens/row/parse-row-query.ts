import { DATASETS, type Dataset } from '@hq-export/contract'

/** Which row is asked for. */
export type RowQuery =
  /** None: the page has just been opened. */
  | { readonly kind: 'none' }
  /** Something that no row can have as key. */
  | { readonly kind: 'malformed'; readonly problem: string }
  | { readonly kind: 'key'; readonly dataset: Dataset; readonly key: string }

const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const MAX_CHARS = 500

function shapeOf({ name, primaryKey }: Dataset): string {
  const joined = primaryKey.length > 1 ? ', joined by a slash' : ''
  return `a key of ${name} is ${primaryKey.join('/')}${joined}`
}

/** Values of `name=value` in any order; a sentence where they are others than the key's. */
function byColumns(dataset: Dataset, text: string): string[] | string {
  const given = new Map<string, string>()
  for (const part of text.split(/[\s,;&]+/).filter(Boolean)) {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(0, at))
    if (!dataset.primaryKey.includes(name)) return shapeOf(dataset)
    if (given.has(name)) return `${name} is given twice`
    given.set(name, part.slice(at + 1))
  }
  const missing = dataset.primaryKey.filter((name) => !given.has(name))
  if (missing.length > 0) return `${missing.join(' and ')} is missing: ${shapeOf(dataset)}`
  return dataset.primaryKey.map((name) => given.get(name) ?? '')
}

function parseKey(dataset: Dataset, text: string): RowQuery {
  const values = text.includes('=') ? byColumns(dataset, text) : text.split('/')
  if (typeof values === 'string') return { kind: 'malformed', problem: values }
  const { primaryKey } = dataset
  if (values.length !== primaryKey.length)
    return { kind: 'malformed', problem: `${shapeOf(dataset)}, not ${values.length} of them` }
  // Every key of the contract is made of uuids.
  const lower = values.map((value) => value.trim().toLowerCase())
  const wrong = lower.findIndex((value) => !UUID_PATTERN.test(value))
  if (wrong !== -1) {
    const example = '00000000-0000-4000-8000-000000000000'
    return {
      kind: 'malformed',
      problem: `${primaryKey[wrong]} is a UUID such as ${example}: ${shapeOf(dataset)}`,
    }
  }
  return { kind: 'key', dataset, key: lower.join('/') }
}

/**
 * Reads `?dataset=&key=`, the key as the contract writes it (`org_id/entity_id`) or by its columns,
 * in the one field (`org_id=... entity_id=...`) or as parameters of their own.
 */
export function parseRowQuery(query: URLSearchParams): RowQuery {
  const name = query.get('dataset') ?? ''
  const dataset = DATASETS.find((known) => known.name === name)
  const given = dataset?.primaryKey.filter((column) => query.has(column)) ?? []
  const columns = given.map((column) => `${column}=${query.get(column)?.trim()}`).join(' ')
  const text = query.get('key')?.trim() || columns
  if (name === '' && text === '') return { kind: 'none' }
  if (dataset === undefined) {
    const known = DATASETS.map((known) => known.name).join(', ')
    return { kind: 'malformed', problem: `a row is one of a dataset: ${known}` }
  }
  if (text === '') return { kind: 'none' }
  if (text.length > MAX_CHARS) return { kind: 'malformed', problem: 'no key is as long as this' }
  return parseKey(dataset, text)
}
