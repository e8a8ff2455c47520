import type { RelaySession } from '@hq-export/outbox-relay/status/read-sessions.ts'
import { href } from '../../page/href.ts'
import { type Content, html } from '../../page/html.ts'
import { facts } from '../../page/table.ts'
import { badge, count, duration, moment } from '../../page/text.ts'
import type { HqView } from './read-hq.ts'
import type { SourceView } from './read-source.ts'

/** A gateway adds up minutes every few seconds. */
const SILENT_S = 120

function relay({ pid, since, client_address, silent_s }: RelaySession): Content {
  const heard = silent_s === null ? '' : `, heard of ${duration(silent_s * 1_000)} ago`
  return html`pid ${pid} from ${client_address ?? 'this machine'}, since ${moment(since)}${heard}`
}

/** Which relays there are: one works, others stand by. */
export function relays({ glance: { leader, standbys } }: SourceView): Content {
  return facts('relays-facts', [
    [
      'leader',
      leader === null
        ? html`${badge('bad', 'none works')} changes wait in the outbox; <a href="${href(['help', 'HqExportNoLeader'])}">what to do</a>`
        : relay(leader),
    ],
    [
      'standby',
      standbys.length === 0
        ? 'none: if the leader ends, nobody takes over'
        : standbys.map((standby) => html`<div>${relay(standby)}</div>`),
    ],
  ])
}

/** Whether gateways work, and which keys end soon. */
export function gateways({ gateways: { sessions, rolledUpSeconds }, keyEnds }: HqView): Content {
  const age = duration(rolledUpSeconds * 1_000)
  const isSilent = sessions === 0 || rolledUpSeconds > SILENT_S
  return facts('gateways-facts', [
    [
      'gateways',
      isSilent
        ? html`${badge('bad', 'none works')} ${count(sessions)} sessions are open in HQ; <a href="${href(['help', 'HqExportGatewayNotReady'])}">what to do</a>`
        : `${count(sessions)} sessions are open in HQ; batches were added up ${age} ago`,
    ],
    [
      'keys that end',
      keyEnds.length === 0
        ? 'each source has a key without end'
        : keyEnds.map(
            ({ source, expiry_s }) =>
              html`<div>the last key of ${source} ends in ${duration(expiry_s * 1_000)}; <a href="${href(['keys'])}">keys</a></div>`,
          ),
    ],
  ])
}
