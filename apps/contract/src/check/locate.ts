import type { Lock } from '@hq-export/contract'
import { CONTRACT_FOLDER, LOCK_FILE, type Tree } from '../repository/contract-files.ts'
import type { Finding } from '../rules/finding.ts'

/** Where a finding is to be mended: a line of a file, from 1, and a JSON pointer in the lock. */
export interface Place {
  readonly file: string
  readonly line: number
  /** RFC 6901, into `contract.lock.json`; absent for what stands in another file. */
  readonly pointer?: string
}

const DESCRIPTORS = `${CONTRACT_FOLDER}/src/datasets`

/** How descriptors call what the lock calls otherwise. */
const WRITTEN: Readonly<Record<string, string>> = {
  primary_key: 'primaryKey',
  uniqueness_guard: 'uniquenessGuard',
  version_column: 'versionColumn',
  time_column: 'timeColumn',
  schema_version: 'schemaVersion',
  sla: 'cadence',
  quality: 'criticalFields',
}

function lineOf(text: string, ...marks: readonly string[]): number | undefined {
  let position = 0
  for (const mark of marks) {
    position = text.indexOf(mark, position)
    if (position === -1) return undefined
  }
  return text.slice(0, position).split('\n').length
}

function pointerOf({ subject, column, member }: Finding, lock: Lock): string {
  const dataset = lock.datasets[subject]
  const index = dataset?.columns.findIndex(({ name }) => name === column) ?? -1
  const end =
    index === -1 ? (column === undefined ? member : 'columns') : `columns/${index}/${member}`
  return ['', 'datasets', subject, ...(end === '' ? [] : [end])].join('/')
}

function inDescriptor({ subject, column, member }: Finding, tree: Tree) {
  for (const name of tree.list(DESCRIPTORS)) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue
    const file = `${DESCRIPTORS}/${name}`
    const text = tree.read(file) ?? ''
    const itself = `name: '${subject}'`
    if (!text.includes(itself)) continue
    const line =
      (column !== undefined && lineOf(text, itself, `name: '${column}'`)) ||
      lineOf(text, itself, `${column === undefined ? (WRITTEN[member] ?? member) : 'columns'}:`) ||
      lineOf(text, itself)
    return { file, line: line ?? 1 }
  }
  return undefined
}

/** What stands in the lock alone, and in no descriptor. */
const LIFE = ['status', 'deprecation', 'retired_on', 'last_read']

/** The place of a finding in the working tree, as near as there is one. */
export function locate(finding: Finding, lock: Lock, tree: Tree): Place {
  const { subject, member } = finding
  if (subject.includes('.json')) {
    const file = `${CONTRACT_FOLDER}/${subject}`
    return { file, line: lineOf(tree.read(file) ?? '', `"${member}"`) ?? 1 }
  }
  const pointer = pointerOf(finding, lock)
  const descriptor = LIFE.includes(member) ? undefined : inDescriptor(finding, tree)
  if (descriptor !== undefined) return { ...descriptor, pointer }
  const text = tree.read(LOCK_FILE) ?? ''
  const line = lineOf(text, `"${subject}": {`, `"${member}"`) ?? lineOf(text, `"${subject}": {`)
  return { file: LOCK_FILE, line: line ?? 1, pointer }
}
