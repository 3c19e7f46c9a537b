import type { Command } from 'commander';
import { addActOptions, contextOf, example, type Surroundings } from './verb.ts';

export function addAccept(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('accept'))
    .description(
      'Accepts drift: a branch and a pull request that write into Git what is in the cluster. ' +
        'The incident ends once that is merged.',
    )
    .argument('<incident>', 'its id, as alerts and status show it')
    .option('-e, --environment <environment>', '<name>, or <class>/<name>; without it, the one that has the incident')
    .option('--reason <text>', 'for the commit and the pull request')
    .addHelpText('after', example('converge accept 4be0d1a2c3f40516 --reason sale'))
    .action(async (incident: string, _options: unknown, command: Command) => {
      const { acceptIncident } = await import('../accept.ts');
      answer(await acceptIncident(contextOf(command, open), incident, command.opts()));
    });
}
