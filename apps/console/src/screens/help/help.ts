import { CHECKS as HQ_CHECKS } from '@hq-export/hq-ingest/doctor/checks.ts'
import { CHECKS as SOURCE_CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { panel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { commandLine } from '../../page/text.ts'
import { TOPIC_KINDS, type Topic, type TopicKind } from './topic.ts'
import { topics } from './topics.ts'

const TITLES: Readonly<Record<TopicKind, string>> = {
  'row code': 'Why HQ refuses a row',
  'reason at the source': 'Why a row never reached HQ',
  finding: 'What a comparison finds',
  alert: 'Alerts',
  problem: 'Answers of the gateway that refuse a whole request',
}

function listOf(kind: TopicKind): Html {
  const id = kind.replaceAll(' ', '-')
  return panel(
    { id, title: TITLES[kind] },
    table<Topic>({
      id: `${id}-table`,
      caption: TITLES[kind],
      rows: topics().filter((topic) => topic.kind === kind),
      rowId: ({ code }) => code,
      empty: 'There is none.',
      columns: [
        { title: 'code', show: ({ code }) => html`<a href="${href(['help', code])}">${code}</a>` },
        { title: 'meaning', show: ({ title }) => title },
      ],
    }),
  )
}

const names = (checks: readonly { readonly name: string }[]) =>
  checks.map(({ name }) => name).join(', ')

function doctors(): Html {
  return panel(
    { id: 'doctors', title: 'What the doctors look at' },
    html`<p>Each finding says what to do about it: <a href="/doctor">see them</a>.</p>${facts(
      'doctor-facts',
      [
        ['data-engine-x', html`${names(SOURCE_CHECKS)}${commandLine('npm run relay -- doctor')}`],
        ['HQ', html`${names(HQ_CHECKS)}${commandLine('npm run ingest -- doctor')}`],
      ],
    )}`,
  )
}

/** Every code that a page, a log or an answer may name. */
export const helpIndex: Screen = {
  path: '/help',
  nav: { title: 'Help' },
  isLive: false,
  show: async () => ({ title: 'Help', content: html`${TOPIC_KINDS.map(listOf)}${doctors()}` }),
}

function show({ kind, title, who, text, commands }: Topic): Html {
  return panel(
    { id: `topic-${kind.replaceAll(' ', '-')}`, title: TITLES[kind] },
    html`${title === '' ? '' : html`<p><strong>${title}</strong></p>`}
${who === undefined ? '' : html`<p>Who acts: ${who}.</p>`}
${typeof text === 'string' ? html`<p>${text}</p>` : text}
${commands.map(commandLine)}`,
  )
}

/** What one code means, who acts, and by which command. */
export const helpPage: Screen = {
  path: '/help/:code',
  isLive: false,
  show: async ({ params }) => {
    const found = topics().filter(({ code }) => code === params.code)
    const all = html`<p><a href="/help">All codes</a></p>`
    if (found.length === 0) {
      return {
        status: 404,
        title: 'No such code',
        content: html`<p>Nothing is known of ${params.code}.</p>${all}`,
      }
    }
    return { title: params.code ?? '', content: html`${found.map(show)}${all}` }
  },
}
