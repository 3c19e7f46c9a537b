import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { contextOf, example, duration, wholeNumber, type Surroundings } from './verb.ts';

export function addHistory(program: Command, { open, answer }: Surroundings): void {
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
      const { showHistory } = await import('../history.ts');
      answer(await showHistory(contextOf(command, open), name, command.opts()));
    });
}
