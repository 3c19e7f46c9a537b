import { type Command, Option } from 'commander';
import { builtInVersion } from '../../shared/rbac/known-resources.ts';
import type { RenderOptions } from '../render.ts';
import { contextOf, example, kubernetesVersion, collectList, collectResources, type Surroundings } from './verb.ts';

interface Said {
  readonly config?: string;
  readonly renderer?: string;
  readonly kubeVersion?: string;
}

export function addRender(program: Command, { open, answer }: Surroundings): void {
  program
    .command('render')
    .description(
      'Prints the manifests of an environment as they are applied: with their namespaces, labels and annotations, in their order. No cluster is asked.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .option('--working-tree <folder>', 'the files of this checkout as they are, instead of the head of the branch')
    .option('--revision <revision>', 'a commit of the branch; of the working tree whatever git calls a commit')
    .option('--show-sources', 'a comment before each: the file, and the line or the template, that it was made of')
    .option('--show-secrets', 'the values of Secrets, too')
    .option('--no-hooks', 'leaves out the objects of Helm hooks')
    .addOption(clusterVersion())
    .addOption(apiVersions())
    .addOption(resources({ namespaced: true }))
    .addOption(resources({ namespaced: false }))
    .addOption(rendererProgram())
    .addHelpText('after', example('converge render acme-production --working-tree . --show-sources'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { openOffline } = await import('../offline.ts');
      const { showRender } = await import('../render.ts');
      const { config, renderer, kubeVersion } = command.optsWithGlobals<Said>();
      const offline = openOffline({ config, renderer });
      const version = { version: kubeVersion ?? builtInVersion, isSaid: kubeVersion !== undefined };
      const options = { ...command.opts<Omit<RenderOptions, 'kubeVersion'>>(), kubeVersion: version };
      answer(await showRender(offline, () => contextOf(command, open), name, options));
    });
}

export function clusterVersion(): Option {
  return new Option(
    '--kube-version <version>',
    `the version of the cluster, which charts may ask (default: ${builtInVersion})`,
  ).argParser(kubernetesVersion);
}

export function apiVersions(): Option {
  return new Option(
    '--api-versions <versions>',
    'what the cluster serves beside what is built in, like monitoring.coreos.com/v1; again for more',
  )
    .argParser(collectList)
    .default([]);
}

export function resources({ namespaced }: { namespaced: boolean }): Option {
  return new Option(
    namespaced ? '--resource <kind.group=plural>' : '--cluster-resource <kind.group=plural>',
    namespaced ? 'a kind that is defined elsewhere; again for more' : 'the same for a kind without a namespace',
  )
    .argParser(collectResources({ namespaced }))
    .default([]);
}

export function rendererProgram(): Option {
  return new Option(
    '--renderer <file>',
    "the renderer's program (default: that of the configuration, or of this checkout)",
  );
}
