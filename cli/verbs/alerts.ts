import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addAlerts(program: Command, { open, answer }: Surroundings): void {
  program
    .command('alerts')
    .description(
      'Shows what is open, the newest last: incidents, refused uploads, what does not answer, and dead letters.',
    )
    .argument('[environment...]', 'only of these: <name>, or <class>/<name>')
    .option('--follow', 'goes on until Ctrl-C, and tells what begins, changes and ends')
    .option('--no-dead-letters', 'without them: they take a right of their own in Pub/Sub')
    .addHelpText('after', example('converge alerts acme-production --follow'))
    .action(async (names: string[], _options: unknown, command: Command) => {
      const context = contextOf(command, open);
      const { follow, output, deadLetters } = command.optsWithGlobals<AlertsArguments>();
      if (follow !== true) {
        const { showAlerts } = await import('../alerts.ts');
        answer(await showAlerts(context, names, { deadLetters }));
        return;
      }
      const { liveOutput } = await import('../live-output.ts');
      const { followAlerts } = await import('../follow-alerts.ts');
      await followAlerts(context, { names, deadLetters }, liveOutput({ form: output, stream: process.stdout }));
    });
}

interface AlertsArguments {
  readonly follow?: boolean;
  readonly deadLetters: boolean;
  readonly output: string;
}
