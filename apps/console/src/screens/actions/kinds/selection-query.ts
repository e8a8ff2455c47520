import {
  type RefusedSelection,
  refusedSelectionSchema,
} from '../../../actions/refused-selection.ts'
import { shellWord } from './kind.ts'

/**
 * Reads a selection from the address of a page; undefined where it selects nothing.
 * @param query parameters, or those of a form, which carries them as one.
 */
export function readSelection(query: URLSearchParams): RefusedSelection | undefined {
  const carried = query.get('selection')
  return readParameters(carried === null ? query : new URLSearchParams(carried))
}

function readParameters(query: URLSearchParams): RefusedSelection | undefined {
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

/** A selection as parameters of an address. */
export function selectionParameters(selection: RefusedSelection): URLSearchParams {
  const { ids, dataset, reason, pointer, org } = selection
  const isEverything = Object.keys(selection).length === 0
  const given: [string, string | undefined][] = [
    ['id', ids?.join(',')],
    ['dataset', dataset],
    ['code', reason],
    ['pointer', pointer],
    ['org', org],
    ['all', isEverything ? 'yes' : undefined],
  ]
  return new URLSearchParams(
    given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/**
 * A selection as a hidden value of a form: in one, and escaped as in an address, because a page
 * shows characters of some kinds as something else, and the form must send what they are.
 */
export function selectionValue(selection: RefusedSelection): [string, string] {
  return ['selection', selectionParameters(selection).toString()]
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
