import type { Screen } from '../../page/screen.ts'
import { showGroups } from './show-groups.ts'
import { showLines } from './show-lines.ts'

/** What is refused and why: by cause; with a cause in the address, its rows. */
export const refused: Screen = {
  path: '/refused',
  nav: { title: 'Refused', key: 'r' },
  show: (request) => {
    const { query } = request
    const [dataset, code, pointer] = ['dataset', 'code', 'pointer'].map((name) => query.get(name))
    // Of a cause the place may be empty; a filter has none.
    return dataset && code && pointer != null
      ? showLines(request, { dataset, code, pointer })
      : showGroups(request)
  },
}
