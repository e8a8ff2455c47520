import { type Browser, chromium } from 'playwright-core'

/** Where Debian's package `chromium` has it. */
const EXECUTABLE = '/usr/bin/chromium'
/** Nothing of it asks for anything outside of this machine. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Chromium, with an empty profile of its own that goes with it. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS })
}
