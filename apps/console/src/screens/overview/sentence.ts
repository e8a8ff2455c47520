import type { Condition } from '@hq-export/observability/notifier.ts'
import type { Reading } from '../../db/side.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html } from '../../page/html.ts'
import { duration } from '../../page/text.ts'
import type { DatasetFacts } from './dataset-facts.ts'

export interface SentenceInput {
  readonly readings: readonly { readonly name: string; readonly reading: Reading<unknown> }[]
  /** The worst first. */
  readonly alerts: readonly Condition[]
  readonly datasets: readonly DatasetFacts[]
}

const NUMBERS = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine']

function unreadable({ readings }: SentenceInput): Html | undefined {
  for (const { name, reading } of readings) {
    if (reading.state !== 'read' && reading.state !== 'not connected')
      return html`${name} cannot be read now, so nothing is said of it: ${reading.reason}. <a href="${href(['doctor'])}">Look at the doctor.</a>`
  }
  return undefined
}

/** Alerts of rows that can be looked at. */
const REFUSED: ReadonlySet<string> = new Set(['HqExportDeadLetters', 'HqExportQuarantine'])

function firstUpper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function worst({ alerts }: SentenceInput): Html | undefined {
  const [alert, ...others] = alerts
  if (alert === undefined) return undefined
  const more = others.length === 0 ? '' : ` ${others.length} more below.`
  const help = href(['help', alert.alert])
  const dataset = alert.labels?.dataset
  const rows = REFUSED.has(alert.alert)
    ? html` <a href="${href(['refused'], { dataset })}">Look at them</a>.`
    : ''
  return html`${firstUpper(alert.summary)}.${rows} <a href="${help}">What to do about ${alert.alert}</a>.${more}`
}

/** What follows an equality that is not proven. */
const UNPROVEN = {
  different: 'differs between data-engine-x and HQ',
  repaired: 'differed and was sent once more; only another comparison proves it',
  undecided: 'could not be compared to the end',
} as const

function unverified({ datasets }: SentenceInput): Html | undefined {
  const never = datasets.filter(({ verified }) => verified === undefined)
  if (never.length > 0) {
    const names = never.length === datasets.length ? 'No dataset' : never[0]?.dataset
    const said = never.length === datasets.length ? 'was' : 'was never'
    return html`${names} ${said} compared with the other side yet. Next: <a href="${href(['verify'])}">compare them</a>.`
  }
  for (const { dataset, verified } of datasets) {
    if (verified === undefined || verified.state === 'equal') continue
    return html`${dataset} ${UNPROVEN[verified.state]}. <a href="${href(['verify', verified.runId])}">Look at the comparison</a>.`
  }
  return undefined
}

/** `HQ is 0.8 s behind`, in the dataset that is furthest behind. */
function behind(datasets: readonly DatasetFacts[]): Content {
  const unknown = datasets.filter(
    ({ lagSeconds }) => lagSeconds === null || lagSeconds === undefined,
  )
  if (unknown.length === datasets.length) return 'how far HQ is behind is not known'
  const [first] = unknown
  if (first !== undefined)
    return html`how far <a href="${href(['datasets', first.dataset])}">${first.dataset}</a> is behind is not known`
  const seconds = Math.max(...datasets.map(({ lagSeconds }) => lagSeconds ?? 0))
  return `HQ is ${duration(seconds * 1_000)} behind`
}

/**
 * One sentence: the worst thing that holds, with what to do about it; or that both sides are equal,
 * as of the oldest comparison that says so.
 */
export function sentence(input: SentenceInput): Html {
  const bad = unreadable(input) ?? worst(input) ?? unverified(input)
  if (bad !== undefined) return bad
  const { datasets } = input
  const times = datasets.map(({ verified }) => verified?.finishedAt ?? '')
  const [oldest = ''] = times.toSorted((a, b) => Date.parse(a) - Date.parse(b))
  const number = NUMBERS[datasets.length]?.toLowerCase() ?? String(datasets.length)
  const day = oldest.slice(0, 10)
  return html`All ${number} datasets equal as of <time datetime="${oldest}" title="${day}">${oldest.slice(11, 19)}</time> UTC; ${behind(datasets)}.`
}
