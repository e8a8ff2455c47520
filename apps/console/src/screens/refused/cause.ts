import { href } from '../../page/href.ts'
import { type Content, html } from '../../page/html.ts'

/** Why rows are refused: those with the same cause are one thing to do. */
export interface Cause {
  readonly dataset: string
  readonly code: string
  /** Where in the row, such as `/row/status`; '' where nobody says. */
  readonly pointer: string
}

/** Names a cause. */
export function causeKey({ dataset, code, pointer }: Cause): string {
  return JSON.stringify([dataset, code, pointer])
}

/** Its rows. */
export function causeHref({ dataset, code, pointer }: Cause): string {
  // A pointer of nothing is a value, too.
  const search = new URLSearchParams({ dataset, code, pointer })
  return `${href(['refused'])}?${search}`
}

/** The code with its help. */
export function codeLink(code: string): Content {
  return html`<a href="${href(['help', code])}">${code}</a>`
}

/** Of the pointer what people call it. */
export function placeOf(pointer: string): string {
  if (pointer === '') return 'nobody says'
  return pointer === '/row' ? 'the row' : pointer.replace(/^\/row\//, '')
}

const SOURCE = 'whoever writes the row in data-engine-x corrects it there, and it is sent again'
const KEYS = 'whoever keeps the keys in HQ: the key may not write this org'

/** Who must act, by the code of the refusal. */
const WHO: Readonly<Record<string, string>> = {
  missing_column: 'whoever binds the source: the binding does not fill a column of the contract',
  invalid_type: 'whoever binds the source: a column is of another type than the contract says',
  org_not_allowed: KEYS,
  secret_detected:
    'the owner of the credential revokes it at once; then the row is corrected there',
  database_rejected: 'whoever runs HQ: its database refused what the contract allows',
  version_conflict: 'an operator: sending it again gives the row a version of its own',
  append_only_violation: 'an operator: sending it again gives the row a version of its own',
  uniqueness_violation: 'an operator: HQ holds another row under the same guard',
  capture_failed: 'whoever binds the source: the row could not be projected there',
  blocked: 'whoever runs what stands between the relay and HQ, such as a proxy',
  unanswered: 'whoever runs HQ: no request that carries the row is answered',
  dataset_retired: 'whoever binds the source: HQ takes this version of the dataset no more',
  not_in_time: 'nobody: the relay tries again by itself until HQ has decided the row',
}

/** Who must act about a refusal. */
export function whoActs(code: string): string {
  return WHO[code] ?? SOURCE
}
