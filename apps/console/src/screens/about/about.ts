import { panel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { facts } from '../../page/table.ts'
import { badge } from '../../page/text.ts'

/** What runs here. */
export const about: Screen = {
  path: '/about',
  nav: { title: 'About' },
  show: async ({ isReadOnly, hq, dx }) => ({
    title: 'About',
    content: panel(
      { id: 'console', title: 'Console' },
      facts('console-facts', [
        ['changes', isReadOnly ? badge('unknown', 'read-only') : badge('good', 'by role')],
        ['HQ', hq.isConnected ? 'connected' : 'not connected'],
        ['data-engine-x', dx.isConnected ? 'connected' : 'not connected'],
      ]),
    ),
  }),
}
