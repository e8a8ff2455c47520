import { readPanel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'

/** Is anything late, refused or different? */
export const overview: Screen = {
  path: '/',
  nav: { title: 'Overview', key: 'o' },
  show: async ({ hq }) => {
    const reading = await hq.read(async (client) => {
      const { rows } = await client.query<{ server_version: string }>('show server_version')
      return rows[0]?.server_version ?? ''
    })
    return {
      title: 'Overview',
      content: readPanel({ id: 'hq', title: 'HQ' }, reading, (version) => version),
    }
  },
}
