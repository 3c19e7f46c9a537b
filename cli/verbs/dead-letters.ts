import type { Command } from 'commander';
import { limitOption, contextOf, example, type Surroundings } from './verb.ts';

export function addDeadLetters(program: Command, { open, answer }: Surroundings): void {
  program
    .command('dead-letters')
    .description('Shows what functions refused, and what was given up after the last delivery. Takes nothing away.')
    .addOption(limitOption())
    .addHelpText('after', example('converge dead-letters --limit 20'))
    .action(async (_options: unknown, command: Command) => {
      const { showDeadLetters } = await import('../dead-letters.ts');
      answer(await showDeadLetters(contextOf(command, open), command.opts()));
    });
}
