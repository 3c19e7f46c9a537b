import { InvalidArgumentError, type Command } from 'commander';
import { durationPattern } from '../../shared/environment/duration.ts';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addEvents(program: Command, { open, answer }: Surroundings): void {
  program
    .command('events')
    .description("Shows the events of an environment's objects and of their Pods, the newest last.")
    .argument('<environment>', '<name>, or <class>/<name>')
    .option('--since <duration>', 'only those that were seen in that time, like 1h30m', writtenDuration)
    .addHelpText('after', example('converge events acme-production --since 1h'))
    .action(async (environment: string, _options: unknown, command: Command) => {
      const { showEvents } = await import('../events.ts');
      answer(await showEvents(contextOf(command, open), environment, command.opts()));
    });
}

function writtenDuration(text: string): string {
  if (!durationPattern.test(text)) throw new InvalidArgumentError('It is digits with ms, s, m, h or d, like 1h30m.');
  return text;
}
