import { Command, CommanderError } from 'commander'
import { describeError } from '../describe-error.ts'
import { errorsInOrder } from '../errors-in-order.ts'
import { exitOnEpipe } from '../exit-on-epipe.ts'
import { OperatorError } from '../operator-error.ts'
import type { CommandLine } from './command-line.ts'

/**
 * Exit status of every program: good; it found something wrong, and the output says what; it could
 * not tell, or was used badly; a rule of the house forbids it, where a program has such rules.
 */
export const EXIT = { good: 0, wrong: 1, unknown: 2, forbidden: 3 } as const
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** Where a program writes. */
export interface Output {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** What a program says of itself. */
export interface ProgramOptions {
  /** Stands before everything that it says of itself on standard error. */
  readonly name: string
  readonly description: string
  /** How it is called here, such as `npm run relay --`. */
  readonly call: string
  /** Further lines of its help. */
  readonly help?: string
  /** An error that is no {@link OperatorError}, in words that may be printed. */
  readonly explain: (error: unknown) => string
}

const EXIT_HELP = 'Exit status: 0 good, 1 found something wrong, 2 could not tell or bad usage.'

/**
 * The command to which a program adds its own. Bad usage is one line: the name of the program, what
 * is wrong, and where to read on.
 */
export function createCommand(
  { name, description, call, help }: Omit<ProgramOptions, 'explain'>,
  output: Output,
): Command {
  return new Command(name)
    .description(description)
    .addHelpText('after', `\n${help === undefined ? '' : `${help}\n`}${EXIT_HELP}`)
    .exitOverride()
    .configureOutput({
      writeOut: output.out,
      writeErr: output.err,
      outputError: (text, write) => {
        const problem = text
          .trim()
          .replace(/^error: /, '')
          .replaceAll('\n', ' ')
        write(`${name}: ${problem.replace(/\.$/, '')}; see: ${call} --help\n`)
      },
    })
}

/** A program of commands: what it prints, says of a fault, and exits with. */
export class Program implements CommandLine {
  /** Its commands are added here. */
  readonly command: Command
  readonly #options: ProgramOptions
  readonly #output: Output
  #status: ExitStatus = EXIT.good
  #isToEndAtOnce = false

  constructor(options: ProgramOptions, output: Output) {
    this.#options = options
    this.#output = output
    this.command = createCommand(options, output)
  }

  /** What it exits with as things are. */
  get status(): ExitStatus {
    return this.#status
  }

  /** Whether something that is not worth waiting for keeps the process. */
  get isToEndAtOnce(): boolean {
    return this.#isToEndAtOnce
  }

  readonly print = (lines: string): void => this.#output.out(`${lines}\n`)

  readonly exitFailed = (): void => {
    this.#status = EXIT.wrong
  }

  /** It could not tell, or its work is not done, and the output says why. */
  readonly exitUnknown = (): void => {
    this.#status = EXIT.unknown
  }

  /** A rule of the house forbids it, and the output says which. */
  readonly exitForbidden = (): void => {
    this.#status = EXIT.forbidden
  }

  /** Ends the process after the command, whatever still keeps it. */
  readonly endAtOnce = (): void => {
    this.#isToEndAtOnce = true
  }

  /** Runs one command line, without program and script. Never throws. */
  async run(args: readonly string[]): Promise<ExitStatus> {
    try {
      await this.command.parseAsync(args, { from: 'user' })
    } catch (error) {
      this.#status = this.#statusOf(error)
    }
    return this.#status
  }

  #statusOf(thrown: unknown): ExitStatus {
    const [error, ...ofEnding] = errorsInOrder(thrown)
    // It has said it already, or was asked for help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.good : EXIT.unknown
    const { name, explain } = this.#options
    const text = error instanceof OperatorError ? error.message : explain(error)
    this.#output.err(`${name}: ${text}\n`)
    for (const each of ofEnding)
      this.#output.err(`${name}: and while ending: ${describeError(each)}\n`)
    return EXIT.unknown
  }
}

/** The streams of a process, as a program writes to them. */
export function outputOf({ stdout, stderr }: NodeJS.Process): Output {
  return { out: (text) => void stdout.write(text), err: (text) => void stderr.write(text) }
}

/** Runs a program as this process: its arguments, its exit status. */
export async function runProcess(program: Program, host: NodeJS.Process): Promise<void> {
  // Whoever read it has seen enough.
  exitOnEpipe(host.stdout, () => host.exit(program.status))
  host.exitCode = await program.run(host.argv.slice(2))
  if (program.isToEndAtOnce) host.exit()
}
