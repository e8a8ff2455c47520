import { html } from '../../page/html.ts'
import { isInstant } from '../../page/is-instant.ts'
import { panel, readPanel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { commandLine } from '../../page/text.ts'
import { readVerifiedOfHq, readVerifiedOfSource } from '../../verified/read-verified.ts'
import { readRunsOfHq, readRunsOfSource } from './read-runs.ts'
import { runsTable, verdictsOfDatasets } from './show-runs.ts'

const NUMBER = /^\d{1,18}$/

/** Is HQ the same as data-engine-x, and who says so? */
export const verify: Screen = {
  path: '/verify',
  nav: { title: 'Verify', key: 'v' },
  show: async ({ hq, dx, query }) => {
    const before = query.get('before') ?? undefined
    // Whoever compares records it at the source, and tells HQ afterwards.
    const reading = dx.isConnected
      ? await dx.read(async (client) => ({
          verified: await readVerifiedOfSource(client),
          runs: await readRunsOfSource(
            client,
            before !== undefined && NUMBER.test(before) ? before : undefined,
          ),
        }))
      : await hq.read(async (client) => ({
          verified: await readVerifiedOfHq(client),
          runs: await readRunsOfHq(
            client,
            before !== undefined && isInstant(before) ? before : undefined,
          ),
        }))
    return {
      title: 'Verify',
      content: html`${readPanel({ id: 'datasets', title: 'Verdict by dataset' }, reading, ({ verified }) => verdictsOfDatasets(verified))}
${readPanel({ id: 'runs', title: 'Comparisons' }, reading, ({ runs }) => runsTable(runs))}
${panel({ id: 'command', title: 'Compare now' }, html`<p>Every row of both sides, to the column, while rows flow; ends 0 equal, 1 different, 2 undecided.</p>${commandLine('npm run relay -- reconcile')}`)}`,
    }
  },
}
