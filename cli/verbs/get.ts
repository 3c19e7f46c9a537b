import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addGet(program: Command, { open, answer }: Surroundings): void {
  program
    .command('get')
    .description(
      'Shows all objects of an environment in its cluster: health, when each was last applied, and who changed it last.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .option('--tree', 'with what they own, down to the Pods')
    .addHelpText('after', example('converge get acme-production --tree'))
    .action(async (environment: string, _options: unknown, command: Command) => {
      const { showObjects } = await import('../get.ts');
      answer(await showObjects(contextOf(command, open), environment, command.opts()));
    });
}
