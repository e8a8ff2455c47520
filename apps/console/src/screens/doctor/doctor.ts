import type { FindingState, NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import type { Reading } from '../../db/side.ts'
import { NOT_EXAMINED } from '../../doctor/doctors.ts'
import type { Examination } from '../../doctor/kept-doctor.ts'
import { type Html, html } from '../../page/html.ts'
import { empty, panel, readPanel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { badge, commandLine, moment, type Tone } from '../../page/text.ts'

const TONES: Readonly<Record<FindingState, Tone>> = {
  fail: 'bad',
  warn: 'warn',
  unknown: 'unknown',
  ok: 'good',
}
const WORST_FIRST: readonly FindingState[] = ['fail', 'unknown', 'warn', 'ok']

/** A check may find several things; each has a place of its own on the page. */
interface PlacedFinding extends NamedFinding {
  readonly id: string
}

function placed(findings: readonly NamedFinding[]): PlacedFinding[] {
  const seen = new Map<string, number>()
  const all = findings.map((finding) => {
    const number = seen.get(finding.check) ?? 0
    seen.set(finding.check, number + 1)
    return { ...finding, id: `${finding.check}-${number}` }
  })
  return WORST_FIRST.flatMap((state) => all.filter((finding) => finding.state === state))
}

function findingsOf(side: string, command: string, { findings, at }: Examination): Html {
  return html`<p>Examined ${moment(at)} UTC; looked at again when somebody asks half a minute later.</p>
${table<PlacedFinding>({
  id: `${side}-findings`,
  caption: 'What was found, the worst first',
  rows: placed(findings),
  rowId: ({ id }) => id,
  empty: 'The doctor has no check: a defect of this build.',
  columns: [
    { title: 'check', show: ({ check }) => check },
    { title: 'state', show: ({ state }) => badge(TONES[state], state) },
    { title: 'what is there', show: ({ found }) => found },
    { title: 'what to do', show: ({ todo }) => todo ?? 'nothing' },
  ],
})}
${commandLine(command)}`
}

/** An examination takes seconds; until the first one is made there is nothing to show. */
function sidePanel(
  id: string,
  title: string,
  reading: Reading<Examination>,
  show: (examination: Examination) => Html,
): Html {
  if (reading.state === 'too slow') return panel({ id, title }, empty(`${reading.reason}.`))
  return readPanel({ id, title }, reading, show)
}

/** The worst of both sides, in words. */
function sentenceOf(readings: readonly (readonly [string, Reading<Examination>])[]): string {
  return readings
    .map(([name, reading]) => {
      if (reading.state === 'too slow') return `${name}: being examined`
      if (reading.state !== 'read') return `${name}: ${reading.state}`
      const counted = WORST_FIRST.map((state) => {
        const found = reading.value.findings.filter((finding) => finding.state === state)
        return found.length === 0 ? '' : `${found.length} ${state}`
      })
      return `${name}: ${counted.filter((part) => part !== '').join(', ')}`
    })
    .join('. ')
}

async function show({ doctors, hq, dx }: PageRequest): Promise<Page> {
  const [ofHq, ofDx] = await Promise.all([doctors.hq.read(), doctors.dx.read()])
  return {
    title: 'Doctor',
    sentence: sentenceOf([
      [hq.name, ofHq],
      [dx.name, ofDx],
    ]),
    content: html`${readPanel(
      { id: 'hq', title: hq.name },
      ofHq,
      (examination) => html`${findingsOf('hq', 'npm run ingest -- doctor', examination)}
<p class="empty">The check "${NOT_EXAMINED}" needs what only a gateway has, and is left out here; <a href="/keys">when keys end</a> stands on their own page.</p>`,
    )}
${sidePanel('dx', dx.name, ofDx, (examination) => findingsOf('dx', 'npm run relay -- doctor', examination))}`,
  }
}

/** What the doctors of both sides find, with what to do. */
export const doctor: Screen = { path: '/doctor', nav: { title: 'Doctor', key: 'e' }, show }
