import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import type { ClusterNames } from '../import/places.ts';
import { importedTools, type ImportedTool } from '../import/tools.ts';
import { example, type Surroundings } from './verb.ts';

export function addImport(program: Command, { answer }: Surroundings): void {
  program
    .command('import')
    .description(
      "Makes environment files of a checkout of another tool's repository, and lists by file, line and key what has no equal. " +
        'Nobody is asked, and without --out nothing is written.',
    )
    .addArgument(new Argument('<tool>', 'whose objects are looked for').choices(importedTools))
    .argument('<folder>', 'the checkout, or a folder of it that is to be the root of a repository')
    .option('--out <folder>', 'where to write; what is there already is not overwritten (default: nothing is written)')
    .addOption(
      new Option(
        '--cluster <name>',
        "how the operator's configuration calls the cluster of what names none, or FROM=NAME of one that is named; again for more",
      )
        .argParser(collectClusters)
        .default({ usual: undefined, renamed: {} } satisfies ClusterNames, 'as they are named there'),
    )
    .addHelpText('after', example('converge import flux ./fleet --cluster staging=staging-eu --out ./converge-import'))
    .action(async (tool: ImportedTool, folder: string, options: { out?: string; cluster: ClusterNames }) => {
      const { importEnvironments } = await import('../import.ts');
      answer(
        await importEnvironments({ tool, folder, out: options.out, clusters: options.cluster, from: process.cwd() }),
      );
    });
}

function collectClusters(text: string, before: ClusterNames): ClusterNames {
  const [, from, name = text] = /^(.+)=([^=]+)$/.exec(text) ?? [];
  if (name.trim() === '') throw new InvalidArgumentError('It is a name, or like staging=staging-eu.');
  return from === undefined ? { ...before, usual: name } : { ...before, renamed: { ...before.renamed, [from]: name } };
}
