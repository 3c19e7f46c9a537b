import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { durationPattern, parseDuration } from '../shared/environment/duration.ts';
import type { ApiResource } from '../shared/objects/cluster-api.ts';
import { builtInVersion } from '../shared/rbac/known-resources.ts';
import type { CommandResult } from './command-result.ts';
import { shells, type Shell } from './completion.ts';
import { openContext, type Context } from './context.ts';

const exitCodes =
  'Exit codes: 0 converged or done, 1 diverged, failed or not known, 2 wrong usage or configuration, 130 ended by Ctrl-C, 143 by SIGTERM.';

/** What a command works on, and where its answer goes. */
export interface Surroundings {
  readonly open: (options: { config: string | undefined }) => Context;
  readonly answer: (answer: CommandResult) => void;
}

export const realSurroundings: Omit<Surroundings, 'answer'> = { open: openContext };

/** The command line of `converge`. Each command is a file of its own, loaded when it is called. */
export function makeProgram(surroundings: Surroundings): Command {
  const program = new Command('converge')
    .description(
      'Uploads to Converge, and tells what became of it: ' +
        'from the buckets, Git and the status of the pipeline, never from a cluster.',
    )
    .option(
      '--config <file>',
      "the operator's configuration (default: CONVERGE_CONFIG, else the local pipeline that runs here)",
    )
    .addOption(
      new Option('--output <form>', 'for people, or for programs; html and markdown are for report alone')
        .choices(['text', 'json', 'yaml', 'html', 'markdown'])
        .default('text'),
    )
    .hook('preAction', (whole, called) => {
      const { output } = whole.opts<{ output: string }>();
      if (['html', 'markdown'].includes(output) && called.name() !== 'report')
        called.error(`error: ${called.name()} has no --output ${output}: there are text, json and yaml`, {
          exitCode: 2,
        });
    })
    .version(packageFile.version, '--version', 'the version of this command')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(converge --help says more)')
    .addHelpText('after', `\n${exitCodes}`)
    .exitOverride();

  addUpload(program, surroundings);
  addRetryUpload(program, surroundings);
  addStatus(program, surroundings);
  addHistory(program, surroundings);
  addTrace(program, surroundings);
  addReport(program, surroundings);
  addRollback(program, surroundings);
  addAcknowledge(program, surroundings);
  addRbac(program, surroundings);
  addDeadLetters(program, surroundings);
  addRedrive(program, surroundings);
  addCompletion(program, surroundings);
  for (const command of program.commands) command.showHelpAfterError(`(converge ${command.name()} --help says more)`);
  return program;
}

function addUpload(program: Command, { open, answer }: Surroundings): void {
  program
    .command('upload')
    .description('Uploads a folder as one atomic group, or files as they are, and prints the commit that they became.')
    .argument('<path...>', 'one folder, or files')
    .option('--branch <branch>', "the branch of your repository, which chooses the bucket (default: the CI's)")
    .option('--class <class>', 'the repository of the configuration, whatever the branch')
    .option('--as <path>', 'the path in the repository (default: the path itself)')
    .option('--wait', 'until every environment that the commit affects has converged')
    .option('--allow-none', 'with --wait: also where the commit affects no environment')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait').argParser(duration).default(parseDuration('15m'), '15m'),
    )
    .option('--commit <id>', "the source commit (default: the CI's)")
    .option('--build <url>', "the build (default: the CI's)")
    .option('--author <who>', "the author (default: the CI's)")
    .addHelpText('after', example('converge upload --branch "$BRANCH_NAME" --wait ./deploy'))
    .action(async (paths: string[], _options: unknown, command: Command) => {
      const { upload } = await import('./upload.ts');
      answer(await upload(contextOf(command, open), paths, command.opts()));
    });
}

function addRetryUpload(program: Command, { open, answer }: Surroundings): void {
  program
    .command('retry-upload')
    .description(
      'Uploads an object that was refused once more, as it is in its bucket: for one that is to be in Git though it ' +
        'replaces what somebody committed (WouldOverwrite). Prints the commit that it became.',
    )
    .argument('<name>', 'the name of the object, or gs://BUCKET/NAME, with #GENERATION as its refusal has it')
    .option('--branch <branch>', "the branch of your repository, which chooses the bucket (default: the CI's)")
    .option('--class <class>', 'the repository of the configuration, whatever the branch')
    .option('--wait', 'until every environment that the commit affects has converged')
    .option('--allow-none', 'with --wait: also where the commit affects no environment')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait').argParser(duration).default(parseDuration('15m'), '15m'),
    )
    .addHelpText('after', example('converge retry-upload --class master --wait config/acme.yaml'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { retryUpload } = await import('./retry-upload.ts');
      answer(await retryUpload(contextOf(command, open), name, command.opts()));
    });
}

function addStatus(program: Command, { open, answer }: Surroundings): void {
  program
    .command('status')
    .description('Shows every environment, or those that are named, and what their files leave undone on purpose.')
    .argument('[environment...]', '<name>, or <class>/<name>')
    .addHelpText('after', example('converge status acme-production'))
    .action(async (names: string[], _options: unknown, command: Command) => {
      const { showStatus } = await import('./status.ts');
      answer(await showStatus(contextOf(command, open), names));
    });
}

function addHistory(program: Command, { open, answer }: Surroundings): void {
  program
    .command('history')
    .description(
      'Shows the commits of an environment: where each came from, and when it was attempted, converged or failed.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .option('--limit <number>', 'how many commits', wholeNumber, 20)
    .addOption(
      new Option('--since <duration>', 'how far back').argParser(duration).default(parseDuration('30d'), '30d'),
    )
    .addHelpText('after', example('converge history acme-production --limit 5'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { showHistory } = await import('./history.ts');
      answer(await showHistory(contextOf(command, open), name, command.opts()));
    });
}

function addTrace(program: Command, { open, answer }: Surroundings): void {
  program
    .command('trace')
    .description('Shows where an object of a cluster came from: environment, revision, commits, artifacts, builds.')
    .argument('<kind/name>', 'like deployment/web, or deployment.apps/web')
    .option('-n, --namespace <namespace>', 'only there')
    .option('-e, --environment <environment>', 'only of this one')
    .addOption(
      new Option('--since <duration>', 'how far back changes are looked for')
        .argParser(duration)
        .default(parseDuration('90d'), '90d'),
    )
    .addHelpText('after', example('converge trace deployment/web -n acme'))
    .action(async (object: string, _options: unknown, command: Command) => {
      const { showTrace } = await import('./trace.ts');
      answer(await showTrace(contextOf(command, open), object, command.opts()));
    });
}

function addReport(program: Command, { open, answer }: Surroundings): void {
  program
    .command('report')
    .description(
      'Shows what differs from Git now, since when and by whom, and what was healed and taken back: made now, of all ' +
        'environments or those that are chosen, and kept nowhere.',
    )
    .argument('[name]', 'a report of the configuration: its environments, against the last one that was made')
    .addOption(
      new Option('--since <duration>', 'how far back (default: 7d, or since the last one of that name)').argParser(
        duration,
      ),
    )
    .option('--class <class>', 'only of this class, * is any text; again for more', collect, [])
    .option('--environment <environment>', 'only these, <name> or <class>/<name>; again for more', collect, [])
    .option('--label <name=value>', 'only those whose files say so; again for more', collectLabels, {})
    .option('--open', 'as a page, in the browser')
    .addHelpText('after', example('converge report --since 7d --label customer=acme --open'))
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const { showReport } = await import('./report.ts');
      answer(await showReport(contextOf(command, open), name, command.optsWithGlobals()));
    });
}

function addRollback(program: Command, { open, answer }: Surroundings): void {
  program
    .command('rollback')
    .description(
      'Takes an environment, or a whole repository, back by one commit on its branch. ' +
        'Without --to or --incident: to what converged before.',
    )
    .argument('<environment|repository>', "<name>, <class>/<name>, or a repository's class")
    .option('--to <revision>', "a revision, or a commit's id")
    .option('--incident <id>', 'to what converged before this incident of the environment')
    .option('--reason <text>', 'for the message of the commit')
    .option('--include-shared', 'also what other environments are made of, too, and environments that were added since')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText('after', example('converge rollback acme-production --reason "checkout fails"'))
    .action(async (target: string, _options: unknown, command: Command) => {
      const { rollBack } = await import('./rollback.ts');
      answer(await rollBack(contextOf(command, open), target, command.opts()));
    });
}

function addAcknowledge(program: Command, { open, answer }: Surroundings): void {
  program
    .command('acknowledge')
    .description(
      'Says that you take care of what is open: it is not told again until it ends, or the time is over. ' +
        'Of an environment: all that is open there.',
    )
    .argument('<environment|incident>', '<name>, <class>/<name>, or the id of an incident, as status shows them')
    .addOption(new Option('--for <duration>', 'for how long (default: until it ends)').argParser(duration))
    .option('--comment <text>', 'for whoever reads it')
    .option('--undo', 'you take care of it no more')
    .addHelpText('after', example('converge acknowledge acme-production --for 8h --comment "the image is being built"'))
    .action(async (target: string, _options: unknown, command: Command) => {
      const { acknowledge } = await import('./acknowledge.ts');
      answer(await acknowledge(contextOf(command, open), target, command.opts()));
    });
}

function addRbac(program: Command, { open, answer }: Surroundings): void {
  program
    .command('rbac')
    .description(
      'Prints the Kubernetes rights that an environment needs where it acts as a user of its own, for kubectl apply. ' +
        'No cluster is asked.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .option(
      '--converge-account <account>',
      "also lets this user act as the environment: the e-mail address of Converge's service account",
    )
    .option(
      '--kube-version <version>',
      'the version of the cluster, which charts may ask',
      kubernetesVersion,
      builtInVersion,
    )
    .option(
      '--api-versions <versions>',
      'what the cluster serves beside what is built in, like monitoring.coreos.com/v1; again for more',
      collectList,
      [],
    )
    .option(
      '--resource <kind.group=plural>',
      'a kind that is defined elsewhere; again for more',
      collectResources({ namespaced: true }),
      [],
    )
    .option(
      '--cluster-resource <kind.group=plural>',
      'the same for a kind without a namespace',
      collectResources({ namespaced: false }),
      [],
    )
    .addHelpText(
      'after',
      example('converge rbac acme-production --converge-account converge-reconcile@family.iam.gserviceaccount.com'),
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const { showRbac } = await import('./rbac.ts');
      answer(await showRbac(contextOf(command, open), name, command.opts()));
    });
}

function addDeadLetters(program: Command, { open, answer }: Surroundings): void {
  program
    .command('dead-letters')
    .description('Shows what functions refused, and what was given up after the last delivery. Takes nothing away.')
    .addOption(limitOption())
    .addHelpText('after', example('converge dead-letters --limit 20'))
    .action(async (_options: unknown, command: Command) => {
      const { showDeadLetters } = await import('./dead-letters.ts');
      answer(await showDeadLetters(contextOf(command, open), command.opts()));
    });
}

function addRedrive(program: Command, { open, answer }: Surroundings): void {
  program
    .command('redrive')
    .description(
      'Sends dead letters again, each to the function that it was for and to nobody else, once what stopped them is ' +
        'mended. An upload is written to its bucket once more. What was taken is a dead letter no more.',
    )
    .argument('[id...]', 'the ids that converge dead-letters shows')
    .option('--all', 'all of them')
    .addOption(limitOption())
    .addHelpText('after', example('converge redrive 11893042217735'))
    .action(async (ids: string[], _options: unknown, command: Command) => {
      const { redrive } = await import('./redrive.ts');
      answer(await redrive(contextOf(command, open), ids, command.opts()));
    });
}

function addCompletion(program: Command, { answer }: Surroundings): void {
  program
    .command('completion')
    .description('Prints a script by which a shell completes verbs and options.')
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .addHelpText('after', example('source <(converge completion bash)'))
    .action(async (shell: Shell) => {
      const { completionScript } = await import('./completion.ts');
      const script = completionScript(shell, program);
      const lines = script.trimEnd().split('\n');
      answer({ exit: 0, json: { shell, script }, lines: lines.map((text) => ({ text, tone: 'plain' })) });
    });
}

function limitOption(): Option {
  return new Option('--limit <number>', 'how many are looked at, of each subscription')
    .argParser(wholeNumber)
    .default(100);
}

/** `--config` is an option of the program, and may be given before or after a command's name. */
function contextOf(command: Command, open: Surroundings['open']): Context {
  return open({ config: command.optsWithGlobals<{ config?: string }>().config });
}

function example(line: string): string {
  return `\nExample:\n  $ ${line}\n\n${exitCodes}`;
}

function duration(text: string): number {
  if (!durationPattern.test(text)) throw new InvalidArgumentError('It is digits with ms, s, m, h or d, like 1h30m.');
  return parseDuration(text);
}

function kubernetesVersion(text: string): string {
  const [, version] = /^v?(\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z.+-]+)?)$/.exec(text) ?? [];
  if (version === undefined) throw new InvalidArgumentError('It is like v1.36.3.');
  return `v${version}`;
}

function collectList(text: string, before: readonly string[]): string[] {
  return [...before, ...text.split(',').filter((part) => part !== '')];
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

function collectLabels(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, label, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (label === undefined || value === undefined) throw new InvalidArgumentError('It is like customer=acme.');
  return { ...before, [label]: value };
}

/** `Certificate.cert-manager.io=certificates`, for whatever version. */
function collectResources({
  namespaced,
}: {
  namespaced: boolean;
}): (text: string, before: readonly ApiResource[]) => ApiResource[] {
  return (text, before) => {
    const [, kind, group = '', plural] = /^([A-Z][A-Za-z0-9]*)(?:\.([a-z0-9.-]+))?=([a-z0-9.-]+)$/.exec(text) ?? [];
    if (kind === undefined || plural === undefined)
      throw new InvalidArgumentError('It is like Certificate.cert-manager.io=certificates.');
    return [...before, { group, version: '', kind, plural, namespaced }];
  };
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
  return Number(text);
}
