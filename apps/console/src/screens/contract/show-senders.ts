import { contractLockSha256, RELEASES } from '@hq-export/contract/lock/current-lock.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html } from '../../page/html.ts'
import { table } from '../../page/table.ts'
import { badge, moment } from '../../page/text.ts'
import type { Sender } from './read-senders.ts'

function lock({ contractLock }: Sender): Content {
  if (contractLock === null) return badge('unknown', 'says none')
  const short = html`<code title="${contractLock}">${contractLock.slice(0, 12)}</code>`
  if (contractLock === contractLockSha256()) return html`${badge('good', 'this build')} ${short}`
  const release = RELEASES.find(({ lock_sha256 }) => lock_sha256 === contractLock)
  if (release !== undefined) return html`${badge('warn', `release ${release.id}`)} ${short}`
  return html`${badge('bad', 'unknown')} ${short} <a href="${href(['help', 'HqExportUnknownContract'])}">what to do</a>`
}

/** Which contract each source sends with. */
export function sendersTable(senders: readonly Sender[]): Html {
  return table<Sender>({
    id: 'senders-table',
    caption: 'Who sends with which contract, the last one that did first',
    rows: senders,
    rowId: ({ keyId }) => keyId,
    empty: 'Nobody has sent a batch yet. A source appears within a minute of its first one.',
    columns: [
      { title: 'source', show: ({ source }) => source },
      { title: 'key', show: ({ keyId }) => html`<code>${keyId}</code>` },
      { title: 'contract', show: lock },
      { title: 'last batch', show: ({ lastUsedAt }) => moment(lastUsedAt) },
    ],
  })
}
