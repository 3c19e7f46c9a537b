import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addPlan(program: Command, { open, answer }: Surroundings): void {
  program
    .command('plan')
    .description(
      'Shows what a commit would do to the cluster: what is made, changed, replaced and pruned. Does nothing.',
    )
    .argument('[environment]', '<name>, or <class>/<name>')
    .option('--all', 'every environment of the class')
    .option('--class <class>', 'with --all, where there are more than one')
    .option('--revision <ref>', 'a commit, a branch or a tag, pushed; without it, the head of the branch of the class')
    .option('--pr <number>', 'in place of --revision: a pull request (or merge request) to the branch of the class')
    .option('--working-tree <dir>', 'the files of a checkout as they are, committed or not, in the stead of a commit')
    .addHelpText('after', example('converge plan acme-production --revision new-image'))
    .action(async (environment: string | undefined, _options: unknown, command: Command) => {
      const { showPlan } = await import('../plan.ts');
      answer(await showPlan(contextOf(command, open), environment, command.opts()));
    });
}
