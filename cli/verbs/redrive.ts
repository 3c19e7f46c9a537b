import type { Command } from 'commander';
import { addActOptions, limitOption, contextOf, example, type Surroundings } from './verb.ts';

export function addRedrive(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('redrive'))
    .description(
      'Sends dead letters again, each to the function that it was for and to nobody else, once what stopped them is ' +
        'mended. An upload is written to its bucket once more. What was taken is a dead letter no more.',
    )
    .argument('[id...]', 'the ids that converge dead-letters shows')
    .option('--all', 'all of them')
    .addOption(limitOption())
    .option('--reason <text>', 'for the log of the act function')
    .addHelpText('after', example('converge redrive 11893042217735'))
    .action(async (ids: string[], _options: unknown, command: Command) => {
      const { redrive } = await import('../redrive.ts');
      answer(await redrive(contextOf(command, open), ids, command.opts()));
    });
}
