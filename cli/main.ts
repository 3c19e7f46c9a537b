import { CommanderError } from 'commander';
import { dump } from 'js-yaml';
import { ConvergeError } from '../shared/base/errors.ts';
import { paint, type CommandResult } from './command-result.ts';
import { CommandError } from './command-error.ts';
import { clearUp } from './context.ts';
import { exitOf } from './exit-codes.ts';
import { makeProgram, realSurroundings } from './program.ts';

/** Runs the command line of this process, and sets its exit code. */
export async function main(): Promise<void> {
  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      clearUp();
      process.exit(exit);
    });
  // `converge history shop | head` ends early, and that is all.
  process.stdout.on('error', () => {
    clearUp();
    process.exit();
  });
  // Where nobody reads what it says beside its answer, it goes on: its exit code says the rest.
  process.stderr.on('error', () => {});
  try {
    process.exitCode = await run(process.argv);
  } finally {
    clearUp();
  }
  // A request that was given up keeps its connection, and would keep the command.
  await Promise.all([process.stdout, process.stderr].map(drained));
  process.exit();
}

/** Resolves when all that was written is out: a pipe takes a large answer bit by bit. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

async function run(argv: string[]): Promise<number> {
  let exit = 0;
  let form = 'text';
  const answer = (told: CommandResult): void => {
    exit = told.exit;
    for (const text of told.notes ?? [])
      process.stderr.write(`${paint({ text: `note: ${text}`, tone: 'detail' }, process.stderr)}\n`);
    process.stdout.write(
      forProgram(told.json, form) ?? told.lines.map((line) => `${paint(line, process.stdout)}\n`).join(''),
    );
  };
  const program = makeProgram({ ...realSurroundings, answer }).hook('preAction', (command) => {
    form = command.opts<{ output: string }>().output;
  });
  try {
    await program.parseAsync(argv);
    return exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const told = explain(error);
    // The parser has said its own mistakes already.
    if (!(error instanceof CommanderError)) process.stderr.write(errorText(told));
    // What is wrong with the command line is known before its options are.
    const [, said = form] = / --output[= ](json|yaml)(?: |$)/.exec(` ${argv.slice(2).join(' ')}`) ?? [];
    process.stdout.write(forProgram({ error: told }, said) ?? '');
    return told.exit;
  }
}

/** One value for programs, in the form that they want; undefined where people are told. */
function forProgram(value: unknown, form: string): string | undefined {
  const json = JSON.stringify(value, undefined, 2);
  if (form === 'json') return `${json}\n`;
  // By way of JSON: what that leaves out is in neither.
  return form === 'yaml' ? dump(JSON.parse(json), { noRefs: true, lineWidth: -1 }) : undefined;
}

interface Explained {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly exit: 1 | 2;
}

function errorText({ code, subject, message, remedy }: Explained): string {
  const bad = (text: string): string => `${paint({ text, tone: 'bad' }, process.stderr)}\n`;
  const said = code === 'Internal' ? message.split('\n').map(bad).join('') : bad(`error: ${subject}: ${message}`);
  return remedy === undefined ? said : `${said}  ${paint({ text: remedy, tone: 'plain' }, process.stderr)}\n`;
}

function explain(error: unknown): Explained {
  if (error instanceof CommanderError)
    return { code: 'Usage', subject: 'command line', message: error.message.replace(/^error: /, ''), exit: 2 };
  if (error instanceof CommandError)
    return {
      code: error.exit === 2 ? 'Usage' : 'Failed',
      subject: error.subject,
      message: error.problem,
      remedy: error.remedy,
      exit: error.exit,
    };
  if (error instanceof ConvergeError)
    return {
      code: error.code,
      subject: error.subject,
      message: error.problem,
      remedy: error.remedy,
      exit: exitOf(error.code),
    };
  // A mistake of ours: only this one shows where.
  return {
    code: 'Internal',
    subject: 'converge',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    exit: 1,
  };
}
