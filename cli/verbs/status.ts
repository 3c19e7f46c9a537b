import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addStatus(program: Command, { open, answer }: Surroundings): void {
  program
    .command('status')
    .description('Shows every environment, or those that are named, and what their files leave undone on purpose.')
    .argument('[environment...]', '<name>, or <class>/<name>')
    .addHelpText('after', example('converge status acme-production'))
    .action(async (names: string[], _options: unknown, command: Command) => {
      const { showStatus } = await import('../status.ts');
      answer(await showStatus(contextOf(command, open), names));
    });
}
