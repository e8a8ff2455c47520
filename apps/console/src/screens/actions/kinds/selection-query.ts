import {
  type RefusedSelection,
  refusedSelectionSchema,
} from '../../../actions/refused-selection.ts'
import { shellWord } from './kind.ts'

/** Reads a selection from the address or the form of a page; undefined where it selects nothing. */
export function readSelection(query: URLSearchParams): RefusedSelection | undefined {
  const ids = query.getAll('id').flatMap((text) => text.split(',').filter(Boolean))
  const given = {
    ...(ids.length > 0 && { ids }),
    ...text(query, 'dataset'),
    ...text(query, 'code', 'reason'),
    // Present and empty it is of those of which nobody says where.
    ...(query.has('pointer') && { pointer: query.get('pointer') ?? '' }),
    ...text(query, 'org'),
  }
  const isEverything = query.get('all') === 'yes'
  const { success, data } = refusedSelectionSchema.safeParse(given)
  if (!success || (Object.keys(data).length === 0 && !isEverything)) return undefined
  return data
}

function text(query: URLSearchParams, name: string, as: string = name): Record<string, string> {
  const value = query.get(name)
  return value === null || value === '' ? {} : { [as]: value }
}

/** A selection as hidden values of a form, or parameters of an address. */
export function selectionValues(selection: RefusedSelection): [string, string | undefined][] {
  const { ids, dataset, reason, pointer, org } = selection
  const isEverything = Object.keys(selection).length === 0
  return [
    ['id', ids?.join(',')],
    ['dataset', dataset],
    ['code', reason],
    ['pointer', pointer],
    ['org', org],
    ['all', isEverything ? 'yes' : undefined],
  ]
}

/** A selection as the options of the commands. */
export function selectionOptions({ ids, dataset, reason, pointer, org }: RefusedSelection): string {
  const options = [
    ids && `--id ${ids.join(' --id ')}`,
    dataset && `--dataset ${shellWord(dataset)}`,
    reason && `--reason ${shellWord(reason)}`,
    pointer !== undefined && `--pointer ${shellWord(pointer)}`,
    org && `--org ${org}`,
  ].filter((option) => typeof option === 'string' && option !== '')
  return options.length === 0 ? '--all' : options.join(' ')
}

/** A selection in words. */
export function describeSelection({
  ids,
  dataset,
  reason,
  pointer,
  org,
}: RefusedSelection): string {
  if (ids !== undefined) return ids.length === 1 ? `number ${ids[0]}` : `${ids.length} by number`
  const parts = [
    dataset ?? 'every dataset',
    reason ?? 'every reason',
    pointer === undefined ? undefined : pointer === '' ? 'no place in the row' : `at ${pointer}`,
    org && `of org ${org}`,
  ]
  return parts.filter(Boolean).join(', ')
}
