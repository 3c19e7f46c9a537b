import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addWhy(program: Command, { open, answer }: Surroundings): void {
  program
    .command('why')
    .description(
      'Says why an object is as it is: its health and first cause, its events, who changed it, what it waits for.',
    )
    .argument('<kind/name>', 'like deployment/web, or pod/web-7c9d-x2')
    .option('-n, --namespace <namespace>', 'only there')
    .option('-e, --environment <environment>', 'of this one; absent: of the one that owns it')
    .addHelpText('after', example('converge why deployment/web -n acme'))
    .action(async (object: string, _options: unknown, command: Command) => {
      const { showWhy } = await import('../why.ts');
      answer(await showWhy(contextOf(command, open), object, command.opts()));
    });
}
