import { Idiomorph } from './idiomorph.js'

const STORED = 'refresh-every'
const DEFAULT_SECONDS = '2'
const FETCH_TIMEOUT_MS = 10_000

function mainOf(from: Document): HTMLElement | null {
  return from.querySelector('main')
}

/** A form that somebody has begun to fill in is left alone. */
function isDirty(main: HTMLElement): boolean {
  for (const control of main.querySelectorAll<
    HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement
  >('input, select, textarea')) {
    if (control instanceof HTMLSelectElement) {
      const chosen = [...control.options].some(
        (option) => option.selected !== option.defaultSelected,
      )
      // A list without a default shows its first entry.
      const hasDefault = [...control.options].some((option) => option.defaultSelected)
      if (chosen && (hasDefault || control.selectedIndex > 0)) return true
    } else if (control.type === 'checkbox' || control.type === 'radio') {
      const box = control as HTMLInputElement
      if (box.checked !== box.defaultChecked) return true
    } else if (control.value !== control.defaultValue) return true
  }
  return false
}

function show(text: string | undefined): void {
  const stale = document.querySelector<HTMLElement>('#stale')
  if (stale === null) return
  stale.hidden = text === undefined
  // What has not changed is not read out again.
  if (stale.textContent !== (text ?? '')) stale.textContent = text ?? ''
}

function showTime(date: Date): void {
  const clock = document.querySelector<HTMLTimeElement>('#as-of')
  if (clock === null) return
  clock.dateTime = date.toISOString()
  clock.textContent = date.toISOString().slice(11, 19)
}

/** An element that has the focus keeps what is in it only where somebody chooses or types there. */
function isInFormControl(): boolean {
  return document.activeElement?.matches('input, select, textarea') ?? false
}

/** Puts `after` in place of `before`; focus, opened details and what is typed stay. */
function morph(before: HTMLElement, after: HTMLElement): void {
  Idiomorph.morph(before, after, {
    morphStyle: 'outerHTML',
    ignoreActiveValue: isInFormControl(),
    callbacks: {
      beforeAttributeUpdated: (name, element) =>
        !(name === 'open' && element instanceof HTMLDetailsElement),
      // What a script has drawn is the script's.
      beforeNodeMorphed: (node) => !(node instanceof Element && node.hasAttribute('data-drawn')),
    },
  })
}

/** A filter shows what the address says, also where a browser puts in what was typed before. */
function showAddressInFilters(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('form[method="get"]')) form.reset()
}

/**
 * Reads the page again every few seconds and shows what has changed, unless nobody looks, somebody
 * fills a form in, or the page asks for a decision.
 */
export function keepFresh(picker: HTMLSelectElement): void {
  const clock = document.querySelector<HTMLElement>('#live')
  if (mainOf(document)?.dataset.live !== 'on' || clock === null) return
  clock.hidden = false
  picker.value = localStorage.getItem(STORED) ?? DEFAULT_SECONDS
  if (picker.selectedIndex === -1) picker.value = DEFAULT_SECONDS
  let updated = new Date()
  let etag: string | null = null
  let timer = 0
  showTime(updated)

  function schedule(): void {
    clearTimeout(timer)
    const seconds = Number(picker.value)
    if (seconds > 0 && !document.hidden) timer = setTimeout(refresh, seconds * 1_000)
  }

  async function refresh(): Promise<void> {
    const main = mainOf(document)
    if (main === null || isDirty(main)) return schedule()
    try {
      const response = await fetch(location.href, {
        headers: { 'hq-console-refresh': '1', ...(etag !== null && { 'if-none-match': etag }) },
        cache: 'no-store',
        redirect: 'error',
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      })
      if (response.status !== 304 && !response.ok) throw new Error(String(response.status))
      if (response.status === 200) {
        const read = new DOMParser().parseFromString(await response.text(), 'text/html')
        const after = mainOf(read)
        // Somebody may have begun to type meanwhile.
        if (after === null || isDirty(main)) return schedule()
        morph(main, after)
        etag = response.headers.get('etag')
        document.dispatchEvent(new Event('refreshed'))
      }
      updated = new Date(response.headers.get('date') ?? Date.now())
      showTime(updated)
      show(undefined)
    } catch {
      show(`Not updated since ${updated.toISOString().slice(11, 19)} UTC; trying again.`)
    }
    schedule()
  }

  picker.addEventListener('change', () => {
    localStorage.setItem(STORED, picker.value)
    schedule()
  })
  document.addEventListener('visibilitychange', schedule)
  addEventListener('pageshow', showAddressInFilters)
  schedule()
}
