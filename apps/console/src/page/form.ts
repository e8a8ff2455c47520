import { type Content, type Html, html } from './html.ts'

/** Values that a form carries without showing them; a value that is not there is left out. */
function hiddenInputs(values: readonly (readonly [string, string | undefined])[]): Html {
  return html`${values.map(([name, value]) =>
    value === undefined ? '' : html`<input type="hidden" name="${name}" value="${value}">`,
  )}`
}

export interface FormOptions {
  readonly id: string
  /** Where it is sent; a path of ours. */
  readonly action: string
  readonly hidden: readonly (readonly [string, string | undefined])[]
  /** What is filled in. */
  readonly fields?: Content
  readonly button: string
  /** It takes something away. */
  readonly isDangerous?: boolean
}

/** A form that changes something. */
export function changeForm({ id, action, hidden, fields, button, isDangerous }: FormOptions): Html {
  return html`<form method="post" class="change" id="${id}" action="${action}">
${hiddenInputs(hidden)}${fields}
<p><button type="submit"${isDangerous === true ? html` class="danger"` : ''}>${button}</button></p>
</form>`
}

export interface FieldOptions {
  readonly name: string
  readonly label: string
  readonly isRequired?: boolean
  readonly value?: string
  readonly maxLength?: number
}

/** A line of text that is filled in. */
export function textField({ name, label, isRequired, value, maxLength }: FieldOptions): Html {
  const required = isRequired === true ? html` required` : ''
  return html`<label>${label} <input type="text" name="${name}" value="${value ?? ''}"
 maxlength="${maxLength ?? 500}" autocomplete="off"${required}></label> `
}

/** Something to say yes to. */
export function checkField(name: string, label: string): Html {
  return html`<label class="check"><input type="checkbox" name="${name}" value="yes">
 ${label}</label> `
}

/**
 * What can be chosen of a list.
 * @param chosen '' where nothing is.
 * @param textOf a value in words.
 */
export function choices(
  values: readonly string[],
  chosen: string,
  textOf: (value: string) => string = (value) => value,
): Html {
  return html`${values.map((value) => {
    const selected = value === chosen ? html` selected` : ''
    return html`<option value="${value}"${selected}>${textOf(value)}</option>`
  })}`
}
