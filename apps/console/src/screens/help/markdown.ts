import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { commandLine } from '../../page/text.ts'

const INLINE = /\*\*([^*]+)\*\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g

/** Alerts are pages here; other files are named, for a console has no page of them. */
function link(text: string, target: string): Html {
  const inner = inline(text)
  const alert = /^#(hqexport\w+)$/.exec(target)?.[1]
  if (alert !== undefined) return html`<a href="${href(['help', alert])}">${inner}</a>`
  return html`${inner} (docs/${target})`
}

function inline(text: string): Html {
  const parts: (string | Html)[] = []
  let end = 0
  for (const match of text.matchAll(INLINE)) {
    const [whole, strong, code, words, target] = match
    parts.push(text.slice(end, match.index))
    if (strong !== undefined) parts.push(html`<strong>${strong}</strong>`)
    else if (code !== undefined) parts.push(html`<code>${code}</code>`)
    else parts.push(link(words ?? '', target ?? ''))
    end = match.index + whole.length
  }
  return html`${[...parts, text.slice(end)]}`
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

function listItems(block: string, mark: RegExp): Html[] {
  const items = block.split(mark).filter((item) => item.trim() !== '')
  return items.map((item) => html`<li>${inline(item.replace(/\s+/g, ' ').trim())}</li>`)
}

function block(text: string): Html {
  const fence = /^```\w*\n([\s\S]*?)\n```$/.exec(text)
  if (fence !== null) return commandLine(fence[1] ?? '')
  if (text.startsWith('|')) {
    const [head = '', , ...rows] = text.split('\n')
    return html`<div class="scroll" role="region" aria-label="table" tabindex="0"><table><thead><tr>${cells(head).map((cell) => html`<th scope="col">${inline(cell)}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${cells(row).map((cell) => html`<td>${inline(cell)}</td>`)}</tr>`)}</tbody></table></div>`
  }
  if (/^- /.test(text)) return html`<ul>${listItems(text, /^- /m)}</ul>`
  if (/^\d+\. /.test(text)) return html`<ol>${listItems(text, /^\d+\. /m)}</ol>`
  return html`<p>${inline(text.replace(/\s+/g, ' '))}</p>`
}

/**
 * As much of Markdown as the runbook uses: paragraphs, lists, tables, fenced commands, and
 * emphasis, code and links within them. Nothing in it is taken for markup.
 */
export function fromMarkdown(text: string): Html {
  const blocks = text.split(/\n{2,}/)
  return html`${blocks.filter((part) => part.trim() !== '').map((part) => block(part.trim()))}`
}
