import type { Command } from 'commander';
import { builtInVersion } from '../../shared/rbac/known-resources.ts';
import type { ValidateOptions } from '../validate.ts';
import { apiVersions, clusterVersion, rendererProgram, resources } from './render.ts';
import { example, type Surroundings } from './verb.ts';

type Said = Omit<ValidateOptions, 'kubeVersion'> & {
  readonly config?: string;
  readonly renderer?: string;
  readonly kubeVersion?: string;
};

export function addValidate(program: Command, { answer }: Pick<Surroundings, 'answer'>): void {
  program
    .command('validate')
    .description(
      'Says what would be refused of a checkout: environment files, renders, kinds, names, duplicates, and objects by the definitions of their kinds in the tree. Neither a configuration nor a cluster of yours is asked.',
    )
    .argument('[folder]', 'the root of the checkout', '.')
    .option('--api', 'also asks a real API server, which a checkout of Converge starts, for a dry run of every object')
    .addOption(clusterVersion())
    .addOption(apiVersions())
    .addOption(resources({ namespaced: true }))
    .addOption(resources({ namespaced: false }))
    .addOption(rendererProgram())
    .addHelpText('after', example('converge validate . --output sarif > findings.sarif'))
    .action(async (folder: string, _options: unknown, command: Command) => {
      const { openOffline } = await import('../offline.ts');
      const { validate } = await import('../validate.ts');
      const { config, renderer, kubeVersion, ...options } = command.optsWithGlobals<Said>();
      const offline = openOffline({ config, renderer });
      answer(await validate(offline, folder, { ...options, kubeVersion: kubeVersion ?? builtInVersion }));
    });
}
