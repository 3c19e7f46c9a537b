import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { contextOf, duration, example, wholeNumber, type Surroundings } from './verb.ts';

export function addLogs(program: Command, { open, answer }: Surroundings): void {
  program
    .command('logs')
    .description(
      'Shows what the functions logged of an environment, an upload (with the commits that it became) or a commit: ' +
        'from Cloud Logging, or from the local pipeline.',
    )
    .argument('<environment|upload|commit>', '<name>, <class>/<name>, gs://BUCKET/NAME, or a commit from 7 digits on')
    .addOption(new Option('--since <duration>', 'how far back').argParser(duration).default(parseDuration('1h'), '1h'))
    .option('--limit <number>', 'how many lines, the newest', wholeNumber, 1000)
    .option('--follow', 'goes on until Ctrl-C, and shows what comes')
    .addHelpText('after', example('converge logs acme-production --since 3h'))
    .action(async (asked: string, _options: unknown, command: Command) => {
      const { followLogs, openLogs, showLogs } = await import('../logs.ts');
      const context = contextOf(command, open);
      const { follow, output: form, ...options } = command.optsWithGlobals<LogsArguments>();
      const logs = await openLogs(context);
      if (follow !== true) {
        answer(await showLogs(context, logs, { ...options, asked }));
        return;
      }
      const { liveOutput } = await import('../live-output.ts');
      const output = liveOutput({ form, stream: process.stdout });
      await followLogs(context, logs, { ...options, asked, output });
    });
}

interface LogsArguments {
  readonly since: number;
  readonly limit: number;
  readonly follow?: boolean;
  readonly output: string;
}
