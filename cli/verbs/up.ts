import type { Command } from 'commander';
import { example, type Surroundings } from './verb.ts';

export function addUp(program: Command, { answer }: Surroundings): void {
  program
    .command('up')
    .description(
      'Runs the whole pipeline on this machine, from a checkout: Kubernetes, Storage, Pub/Sub, Git and the functions. ' +
        'It stays until Ctrl-C, or converge down.',
    )
    .option('--detach', 'until it answers; then it runs on alone')
    .addHelpText('after', example('converge up --detach'))
    .action(async (_options: unknown, command: Command) => {
      const { runLocal, startDetached } = await import('../local-pipeline.ts');
      const { detach, output } = command.optsWithGlobals<{ detach?: boolean; output: string }>();
      const tells = output === 'text' ? 'inherit' : 2;
      answer(await (detach === true ? startDetached(['--no-story']) : runLocal('up', ['--no-story'], { tells })));
    });
}
