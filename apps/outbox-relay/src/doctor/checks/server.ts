import { readServer, unsupportedServer } from '@hq-export/runtime/postgres/supported-server.ts'
import { type Check, fail, ok } from './finding.ts'

/** The server is one that we run on, and the database holds every text. */
export const server: Check = {
  name: 'server',
  async examine({ login }) {
    const facts = await readServer(login)
    const problem = unsupportedServer('data-engine-x', facts)
    if (problem === undefined) return ok(`PostgreSQL ${facts.version}, ${facts.encoding}`)
    const [found = '', todo = ''] = problem.split('; ')
    return fail(found, todo)
  },
}
