import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addDiff(program: Command, { open, answer }: Surroundings): void {
  program
    .command('diff')
    .description('Shows what differs between Git and the cluster: each field, desired and observed, by whom and when.')
    .argument('<environment>', '<name>, or <class>/<name>')
    .option('--side-by-side', 'desired and observed in two columns')
    .addHelpText('after', example('converge diff acme-production'))
    .action(async (environment: string, _options: unknown, command: Command) => {
      const { showDiff } = await import('../diff.ts');
      answer(await showDiff(contextOf(command, open), environment, command.opts()));
    });
}
