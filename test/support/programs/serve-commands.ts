// Runs the command lines that come on standard input, one after the other, each as the program
// would as a process of its own: `main.ts` is evaluated anew, with arguments and environment of
// that command alone. Only what it imports is loaded once, which is nearly all that a start costs.
// Argument: URL of `main.ts`. Ends with its input.

import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { CommandLine } from './command-host.ts'

const POLL_MS = 2
const main = process.argv[2]

process.stdin.on('end', () => process.exit())
// Opened as they are first asked for, which no command should be blamed for.
const { stdout, stderr } = process

let count = 0
for await (const line of createInterface({ input: process.stdin })) {
  const { args, env, endOfOutput }: CommandLine = JSON.parse(line)
  process.argv = [process.execPath, main ?? '', ...args]
  process.env = env
  process.exitCode = 0
  const kept = process.getActiveResourcesInfo().length
  await import(`${main}?${++count}`)
  // What keeps a process of its own from ending keeps this one from the next command.
  while (process.getActiveResourcesInfo().length > kept) await delay(POLL_MS)
  process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM')
  stdout.removeAllListeners('error')
  stdout.write(`${endOfOutput}${process.exitCode}\n`)
  stderr.write(`${endOfOutput}\n`)
}
