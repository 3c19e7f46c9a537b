import { join } from 'node:path';
import { z } from 'zod';
import { root, type Example, type Tofu } from './tofu.ts';

const resourceSchema = z.object({
  address: z.string(),
  mode: z.enum(['managed', 'data']),
  type: z.string(),
  values: z.record(z.string(), z.unknown()),
});
export type Resource = z.infer<typeof resourceSchema>;

interface Module {
  readonly resources?: readonly Resource[] | undefined;
  readonly child_modules?: readonly Module[] | undefined;
}
const moduleSchema: z.ZodType<Module> = z.object({
  resources: z.array(resourceSchema).optional(),
  child_modules: z.array(z.lazy(() => moduleSchema)).optional(),
});
const planSchema = z.object({ planned_values: z.object({ root_module: moduleSchema }) });

/** Of the project that the plans are for. */
export const project = { id: 'family-insurance', number: '123456789012' } as const;

/** The variables of an example, as parameters of OpenTofu. */
export function flagsFor(example: Example): readonly string[] {
  const variables = {
    project: project.id,
    project_number: project.number,
    archive: join(root, 'package.json'),
    ...(example === 'three-classes' ? { billing_account: '012345-6789AB-CDEF01' } : {}),
  };
  return Object.entries(variables).map(([name, value]) => `-var=${name}=${value}`);
}

/** What Google's own provider would make of an example in an empty project; every value that is known before. */
export async function planOf(tofu: Tofu, example: Example): Promise<readonly Resource[]> {
  return resourcesOf(planSchema.parse(await planned(tofu, example)).planned_values.root_module);
}

const changesSchema = z.object({
  resource_changes: z.array(
    z.object({ address: z.string(), change: z.object({ actions: z.array(z.string()), after: z.unknown() }) }),
  ),
});

/** What it would do where the state of the example, in the folder of this instance, says that something is there. */
export async function changesOf(
  tofu: Tofu,
  example: Example,
  more: readonly string[],
): Promise<z.infer<typeof changesSchema>['resource_changes']> {
  return changesSchema.parse(await planned(tofu, example, more)).resource_changes;
}

async function planned(tofu: Tofu, example: Example, more: readonly string[] = []): Promise<unknown> {
  const folder = join(root, 'examples', 'terraform', example);
  const file = join(tofu.folder, `${example}.plan`);
  const state = `-state=${join(tofu.folder, `${example}.tfstate`)}`;
  for (const step of [
    ['get'],
    ['plan', '-input=false', '-no-color', '-lock=false', state, `-out=${file}`, ...flagsFor(example), ...more],
  ]) {
    const { code, output } = await tofu.run(folder, ...step);
    if (code !== 0) throw new Error(output);
  }
  const { code, output } = await tofu.run(folder, 'show', '-json', file);
  if (code !== 0) throw new Error(output);
  return JSON.parse(output);
}

function resourcesOf({ resources = [], child_modules = [] }: Module): readonly Resource[] {
  return [...resources.filter(({ mode }) => mode === 'managed'), ...child_modules.flatMap(resourcesOf)];
}

export function ofType(resources: readonly Resource[], type: string): readonly Resource[] {
  return resources.filter((resource) => resource.type === type);
}

/** A value that has to be known before anything is made. */
export function text({ address, values }: Resource, key: string): string {
  const value = values[key];
  if (typeof value !== 'string') throw new Error(`${address}: ${key} is not known by the plan`);
  return value;
}
