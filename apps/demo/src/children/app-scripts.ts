import { join } from 'node:path'

const APPS_FOLDER = join(import.meta.dirname, '..', '..', '..')

/** Entry point of the relay, which the demo runs and never imports. */
export const RELAY_SCRIPT = join(APPS_FOLDER, 'outbox-relay', 'src', 'main.ts')
/** Entry point of the console, which the demo runs and never imports. */
export const CONSOLE_SCRIPT = join(APPS_FOLDER, 'console', 'src', 'main.ts')
/** Entry point of the gateway, which the demo runs and never imports. */
export const GATEWAY_SCRIPT = join(APPS_FOLDER, 'hq-ingest', 'src', 'main.ts')
