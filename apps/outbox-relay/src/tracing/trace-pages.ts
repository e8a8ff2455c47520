import { nowMs } from '@hq-export/observability/clock.ts'
import { activeWindow } from './window-trace.ts'

/** Passes pages on, and shows each that has rows as a span of the window's trace. */
export async function* tracePages<Page extends { readonly rowCount: number }>(
  pages: AsyncIterable<Page>,
): AsyncGenerator<Page> {
  const window = activeWindow()
  let startTime = nowMs()
  for await (const page of pages) {
    if (page.rowCount > 0) window?.notePage(page.rowCount, startTime)
    yield page
    startTime = nowMs()
  }
  window?.noteEnd(startTime)
}
