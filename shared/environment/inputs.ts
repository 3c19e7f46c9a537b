import { hashJson } from '../objects/canonical-json.ts';
import { environmentPath, type Environment } from './environment-file.ts';

/**
 * What an environment is made of, at one revision: the Git object id of each path, null where nothing is there. A
 * folder's id covers all that is below it.
 */
export type Inputs = Readonly<Record<string, string | null>>;

/** The paths an environment names itself: its file, charts, values, overlays, manifests. */
export function declaredPaths(environment: Environment): string[] {
  const paths = environment.sources.flatMap((source) => {
    switch (source.kind) {
      case 'helm':
        return [source.chart, ...source.values];
      case 'kustomize':
        return [source.folder];
      case 'manifests':
        return [source.path];
    }
  });
  return [...new Set([environmentPath(environment.name), ...paths])].sort();
}

/** The declared paths, and every file the render read beside them (a Kustomize base, say). */
export function inputPaths({ environment, reads }: { environment: Environment; reads: readonly string[] }): string[] {
  const declared = declaredPaths(environment);
  const beside = reads.filter((read) => !declared.some((path) => read === path || read.startsWith(`${path}/`)));
  return [...new Set([...declared, ...beside])].sort();
}

/** Whether something at that path, or below it, is among the inputs; or the path lies in a folder that is. */
export function isMadeOf(inputs: readonly string[], path: string): boolean {
  return inputs.some(
    (input) =>
      input === '' || input === '.' || input === path || path.startsWith(`${input}/`) || input.startsWith(`${path}/`),
  );
}

/** Whether two sets of inputs are the same paths with the same object ids. */
export function sameInputs({ attempted, current }: { attempted: Inputs; current: Inputs }): boolean {
  const paths = Object.keys(attempted);
  return paths.length === Object.keys(current).length && paths.every((path) => attempted[path] === current[path]);
}

/** One id for all that an environment is made of. */
export function inputsId(inputs: Inputs): string {
  return hashJson(inputs);
}

/**
 * The paths among an environment's inputs that an object was made of, by the file that it was rendered from: the
 * environment's own file; a chart with its values; an overlay with what it reads beside; a manifest alone. All where no
 * source holds that file.
 *
 * @param all of the environment's inputs
 */
export function pathsOfSource({
  environment,
  source,
  all,
}: {
  environment: Environment;
  source: string;
  all: readonly string[];
}): readonly string[] {
  const declared = declaredPaths(environment);
  const holds = (path: string): boolean => path === '.' || source === path || source.startsWith(`${path}/`);
  const paths = environment.sources.flatMap((one) => {
    switch (one.kind) {
      case 'helm':
        return holds(one.chart) ? [one.chart, ...one.values] : [];
      case 'kustomize':
        return holds(one.folder) ? [one.folder, ...all.filter((path) => !declared.includes(path))] : [];
      case 'manifests':
        return holds(one.path) ? [source] : [];
    }
  });
  return paths.length === 0 ? all : [...new Set([environmentPath(environment.name), ...paths])].sort();
}
