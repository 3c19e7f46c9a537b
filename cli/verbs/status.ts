import type { Command } from 'commander';
import { collect, collectLabels, contextOf, example, type Surroundings } from './verb.ts';

export function addStatus(program: Command, { open, answer }: Surroundings): void {
  program
    .command('status')
    .description(
      'Shows every environment, or those that are chosen, trouble first, and what their files leave undone on purpose.',
    )
    .argument('[environment...]', '<name>, or <class>/<name>')
    .option('--class <class>', 'only of this class, * is any text; again for more', collect, [])
    .option('--label <name=value>', 'only those whose files say so; again for more', collectLabels, {})
    .option('--problems', 'only what needs somebody')
    .option('--wide', 'all that is known of each')
    .option('--watch', 'goes on until Ctrl-C, and tells what changes')
    .addHelpText('after', example('converge status --problems --label customer=acme'))
    .action(async (names: string[], _options: unknown, command: Command) => {
      const context = contextOf(command, open);
      const { watch, output, ...options } = command.optsWithGlobals<StatusArguments>();
      if (watch !== true) {
        const { showStatus } = await import('../status.ts');
        answer(await showStatus(context, names, options));
        return;
      }
      const { liveOutput } = await import('../live-output.ts');
      const { watchStatus } = await import('../watch-status.ts');
      await watchStatus(context, { ...options, names }, liveOutput({ form: output, stream: process.stdout }));
    });
}

interface StatusArguments {
  readonly class: readonly string[];
  readonly label: Readonly<Record<string, string>>;
  readonly problems?: boolean;
  readonly wide?: boolean;
  readonly watch?: boolean;
  readonly output: string;
}
