import { describeRights } from '../access/actor.ts'
import { type Html, html } from './html.ts'
import type { Page, PageRequest, Screen } from './screen.ts'

export interface LayoutOptions {
  readonly page: Page
  readonly request: PageRequest
  /** Those of the navigation, in order. */
  readonly screens: readonly Screen[]
  /** Path of the screen that is shown. */
  readonly current: string | undefined
  readonly isLive: boolean
  /** Address of an asset by its name. */
  readonly asset: (name: string) => string
}

function sideState({ hq, dx }: PageRequest): Html {
  return html`<span class="sides">${[hq, dx].map(
    (side) =>
      html`<span class="side">${side.name}${side.isConnected ? '' : ' not connected'}</span> `,
  )}</span>`
}

/** A whole document. Everything that a live update replaces stands in `main`. */
export function layout(options: LayoutOptions): Html {
  const { page, request, screens, current, isLive, asset } = options
  const { environment, actor, isReadOnly } = request
  const heading = environment === undefined ? 'hq-export' : `hq-export · ${environment}`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · ${heading}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${asset('style.css')}">
<link rel="stylesheet" href="${asset('uplot.css')}">
<script type="module" src="${asset('console.ts')}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<p class="brand"><a href="/">${heading}</a></p>
${sideState(request)}
<p class="who">${actor.name ?? 'nobody is asked who they are'} · ${isReadOnly ? 'read-only' : describeRights(actor)}</p>
<p class="live" id="live" hidden>
<span>as of <time id="as-of"></time> UTC</span>
<label>refresh <select id="refresh-every"><option value="2">2 s</option><option value="5">5 s</option><option value="30">30 s</option><option value="0">paused</option></select></label>
</p>
</header>
<nav aria-label="Screens"><ul>${screens.map(
    ({ path, nav }) =>
      html`<li><a href="${path}" data-key="${nav?.key ?? ''}"${path === current ? html` aria-current="page"` : ''}>${nav?.title ?? path}</a></li>
`,
  )}</ul></nav>
<p id="stale" class="stale" role="status" hidden></p>
<main id="main" tabindex="-1" data-live="${isLive ? 'on' : 'off'}">
<h1 id="title">${page.title}</h1>
${page.sentence === undefined ? '' : html`<p class="sentence" id="sentence" aria-live="polite">${page.sentence}</p>`}
${page.content}
</main>
</body>
</html>
`
}
