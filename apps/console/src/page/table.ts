import { type Content, type Html, html } from './html.ts'
import { empty } from './panel.ts'

export interface Column<Row> {
  readonly title: string
  readonly show: (row: Row) => Content
  /** Right-aligned, with figures of one width. */
  readonly isNumber?: boolean
}

export interface TableOptions<Row> {
  readonly id: string
  /** What it shows, for those who hear it. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  /** Of the row, stable and unique: a live update finds it by this. */
  readonly rowId: (row: Row) => string
  /** Where there are no rows: what would stand here, and why it does not. */
  readonly empty: string
}

function classOf({ isNumber }: { readonly isNumber?: boolean }): string {
  return isNumber === true ? 'number' : 'text'
}

/** A table. The first column of each row names it. */
export function table<Row>(options: TableOptions<Row>): Html {
  const { id, caption, columns, rows, rowId } = options
  if (rows.length === 0) return empty(options.empty)
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table id="${id}">
<caption>${caption}</caption>
<thead><tr>${columns.map(
    (column) => html`<th scope="col" class="${classOf(column)}">${column.title}</th>`,
  )}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr id="${id}-${encodeURIComponent(rowId(row).toWellFormed())}">${columns.map(
      (column, index) =>
        index === 0
          ? html`<th scope="row" class="${classOf(column)}">${column.show(row)}</th>`
          : html`<td class="${classOf(column)}">${column.show(row)}</td>`,
    )}</tr>
`,
  )}</tbody>
</table></div>`
}

/** Names and what they are. */
export function facts(id: string, entries: readonly (readonly [string, Content])[]): Html {
  return html`<dl class="facts" id="${id}">${entries.map(
    ([name, content]) => html`<div><dt>${name}</dt><dd>${content}</dd></div>`,
  )}</dl>`
}
