/** How long `g` waits for the letter after it. */
const SEQUENCE_MS = 1_500
const PAUSED = '0'
const DEFAULT_SECONDS = '2'

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, select, textarea')
}

/** `/` searches, `r` pauses, `?` helps, `g` and a letter goes to a screen; none is needed. */
export function listenForShortcuts(picker: HTMLSelectElement | null): void {
  let goingSince = 0
  let resumeWith = DEFAULT_SECONDS

  function togglePause(): void {
    if (picker === null) return
    if (picker.value !== PAUSED) resumeWith = picker.value
    picker.value = picker.value === PAUSED ? resumeWith : PAUSED
    picker.dispatchEvent(new Event('change'))
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
    const isGoing = performance.now() - goingSince < SEQUENCE_MS && goingSince > 0
    goingSince = 0
    const link =
      isGoing && /^[a-z]$/.test(event.key)
        ? document.querySelector<HTMLAnchorElement>(`nav a[data-key="${event.key}"]`)
        : null
    if (link !== null) link.click()
    else if (event.key === 'g') goingSince = performance.now()
    else if (event.key === 'r') togglePause()
    else if (event.key === '?') location.assign('/help')
    else if (event.key === '/') {
      const search = document.querySelector<HTMLInputElement>('input[type="search"]')
      if (search === null) return
      event.preventDefault()
      search.focus()
    }
  })
}
