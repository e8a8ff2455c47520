import type { LockedDataset } from '@hq-export/contract'
import { type Consumer, readConsumers } from '@hq-export/contract/lock/consumers.ts'
import { contractLockSha256, currentLock, RELEASES } from '@hq-export/contract/lock/current-lock.ts'
import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { panel, readPanel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, commandLine } from '../../page/text.ts'
import { readSenders } from './read-senders.ts'
import { sendersTable } from './show-senders.ts'

interface Version extends LockedDataset {
  readonly name: string
}

const TONES = { draft: 'unknown', active: 'good', deprecated: 'warn', retired: 'bad' } as const

function versionsTable(): Html {
  return table<Version>({
    id: 'versions-table',
    caption: 'Dataset versions and how far each has come in its life',
    rows: Object.entries(currentLock().datasets).map(([name, dataset]) => ({ name, ...dataset })),
    rowId: ({ name }) => name,
    empty: 'The contract has no dataset.',
    columns: [
      {
        title: 'version',
        show: ({ name }) => html`<a href="${href(['datasets', name])}">${name}</a>`,
      },
      { title: 'state', show: ({ status }) => badge(TONES[status], status) },
      { title: 'frozen in', show: ({ frozen_in }) => frozen_in ?? '-' },
      {
        title: 'deprecation',
        show: ({ deprecation }) =>
          deprecation === null
            ? '-'
            : `since ${deprecation.date}, served until ${deprecation.sunset} at least; ` +
              `then ${deprecation.successors.join(', ')}`,
      },
      { title: 'retired', show: ({ retired_on }) => retired_on ?? '-' },
      { title: 'columns', isNumber: true, show: ({ columns }) => String(columns.length) },
      {
        title: 'lock',
        show: ({ sha256 }) => html`<code title="${sha256}">${sha256.slice(0, 12)}</code>`,
      },
    ],
  })
}

function consumersTable(consumers: readonly Consumer[]): Html {
  return table<Consumer>({
    id: 'consumers-table',
    caption: 'Who reads what in HQ, and which deprecations they have acknowledged',
    rows: consumers,
    rowId: ({ name }) => name,
    empty: 'No consumer is recorded: packages/contract/consumers has no file.',
    columns: [
      { title: 'consumer', show: ({ name }) => name },
      { title: 'owner', show: ({ owner }) => owner },
      { title: 'reads', show: ({ reads }) => reads.join(', ') || '-' },
      {
        title: 'acknowledged',
        show: ({ acknowledged }) =>
          acknowledged
            .map(({ dataset, date, by }) => `${dataset} on ${date} by ${by}`)
            .join('; ') || 'nothing: nothing it reads is deprecated, or it has not moved yet',
      },
    ],
  })
}

/** What is agreed, who holds to it, and who reads it. */
export const contract: Screen = {
  path: '/contract',
  nav: { title: 'Contract' },
  show: async ({ hq }) => {
    const reading = await hq.read(readSenders)
    return {
      title: 'Contract',
      content: html`${panel(
        { id: 'build', title: 'This build' },
        facts('build-facts', [
          ['lock', html`<code>${contractLockSha256()}</code>`],
          [
            'releases before it',
            RELEASES.map(({ id, date }) => `${id} of ${date}`).join(', ') || 'none',
          ],
        ]),
      )}
${panel({ id: 'versions', title: 'Versions' }, versionsTable())}
${readPanel({ id: 'senders', title: 'Who sends' }, reading, sendersTable)}
${panel({ id: 'consumers', title: 'Who reads' }, consumersTable(readConsumers()))}
${panel({ id: 'command', title: 'What a change would break' }, commandLine('npm run contract -- check'))}`,
    }
  },
}
