import { Argument, type Command } from 'commander';
import { shells, type Shell } from '../completion.ts';
import { example, type Surroundings } from './verb.ts';

export function addCompletion(program: Command, { answer }: Surroundings): void {
  program
    .command('completion')
    .description('Prints a script by which a shell completes verbs and options.')
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .addHelpText('after', example('source <(converge completion bash)'))
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../completion.ts');
      const script = completionScript(shell, program);
      const lines = script.trimEnd().split('\n');
      answer({ exit: 0, json: { shell, script }, lines: lines.map((text) => ({ text, tone: 'plain' })) });
    });
}
