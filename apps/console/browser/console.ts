// Everything works without this script; with it, pages stay up to date and have shortcuts.

import { drawCharts } from './chart.ts'
import { keepFresh } from './refresh.ts'
import { listenForShortcuts } from './shortcuts.ts'

const picker = document.querySelector<HTMLSelectElement>('#refresh-every')
if (picker !== null) keepFresh(picker)
listenForShortcuts(picker)
drawCharts()
