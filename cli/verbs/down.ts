import type { Command } from 'commander';
import { example, type Surroundings } from './verb.ts';

export function addDown(program: Command, { answer }: Surroundings): void {
  program
    .command('down')
    .description('Ends the pipeline that runs in this checkout, and waits for its end.')
    .addHelpText('after', example('converge down'))
    .action(async (_options: unknown, command: Command) => {
      const { runLocal } = await import('../local-pipeline.ts');
      const { output } = command.optsWithGlobals<{ output: string }>();
      answer(await runLocal('down', ['--end'], { tells: output === 'text' ? 'inherit' : 2 }));
    });
}
