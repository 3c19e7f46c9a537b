import type { Command } from 'commander';
import { example, type Surroundings } from './verb.ts';

export function addDemo(program: Command, { answer }: Surroundings): void {
  program
    .command('demo')
    .description(
      'Runs the whole pipeline on this machine, tells the story of the README through it, and stays until Ctrl-C.',
    )
    .option('--once', 'end after the story')
    .addHelpText('after', example('converge demo --once'))
    .action(async (_options: unknown, command: Command) => {
      const { runLocal } = await import('../local-pipeline.ts');
      const { once, output } = command.optsWithGlobals<{ once?: boolean; output: string }>();
      answer(await runLocal('demo', once === true ? ['--once'] : [], { tells: output === 'text' ? 'inherit' : 2 }));
    });
}
