import { commitOf } from '../base/revision.ts';
import {
  environmentAnnotation,
  idLabel,
  repositoryAnnotation,
  revisionAnnotation,
  toolingAnnotation,
  type ApplySet,
} from '../inventory/applyset.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { repositoryAddress } from '../config/repository-address.ts';

/**
 * Whose an inventory is, by what its parent says: `ours`, another's (`refused`, with why, behind its title;
 * `isNameless`: it only lacks the name of an environment), or that of the
 * repository that holds a commit (`asks`).
 */
export type ParentVerdict =
  | { readonly verdict: 'ours' }
  | { readonly verdict: 'refused'; readonly why: string; readonly isNameless?: boolean }
  | { readonly verdict: 'asks'; readonly commit: string; readonly otherwise: string };

/**
 * Two classes with an environment of one name and namespace have one inventory by name, and two installations may have
 * one class and name: what the parent says is read before the inventory is used.
 *
 * | the parent names                    | and                                   | is                                 |
 * | ----------------------------------- | ------------------------------------- | ---------------------------------- |
 * | another environment, or another tool |                                      | refused                            |
 * | no environment                      | our id, and this installation wrote it | as it would be with it: somebody took it off |
 * | no environment                      | anything else                         | refused                            |
 * | this repository                     |                                       | ours                               |
 * | another repository                  | a revision                            | ours where its commit is here: it moved |
 * | another repository                  | none, and this installation wrote one that recorded none either | ours |
 * | no repository (the version before)  | a revision that is not remembered     | ours where its commit is here      |
 *
 * @param remembered the commits that the memory names, whether anything was written in that cluster and namespace, and
 * whether it converged there
 */
export function judgeParent({
  parent,
  applySet,
  remembered,
}: {
  parent: KubernetesObject;
  applySet: Pick<ApplySet, 'id' | 'environment' | 'address'>;
  remembered: { readonly commits: readonly string[]; readonly hasWritten: boolean; readonly hasConverged: boolean };
}): ParentVerdict {
  const { labels, annotations } = parent.metadata;
  const environment = annotations?.[environmentAnnotation];
  if (environment !== undefined && environment !== applySet.environment) {
    return {
      verdict: 'refused',
      why: `is the inventory of environment ${environment}, not of ${applySet.environment}`,
    };
  }
  if (environment === undefined && labels?.[idLabel] !== applySet.id) {
    const tool = annotations?.[toolingAnnotation];
    return {
      verdict: 'refused',
      why:
        tool === undefined
          ? `is in the place of the inventory of ${applySet.environment}, and Converge did not make it`
          : `is the inventory of another tool, ${tool}, not of ${applySet.environment}`,
    };
  }
  // Another class may have the same name and namespace, and the same repository.
  if (environment === undefined && !remembered.hasWritten)
    return {
      verdict: 'refused',
      why: `bears the id of the inventory of ${applySet.environment}, which another class may have too, and no longer says whose it is`,
      isNameless: true,
    };
  const said = annotations?.[repositoryAnnotation];
  if (said !== undefined && repositoryAddress(said) === applySet.address) return { verdict: 'ours' };
  const revision = annotations?.[revisionAnnotation];
  const commit = revision === undefined ? undefined : commitOf(revision);
  const from = said === undefined ? 'another repository' : `the repository ${said}`;
  const why = `is the inventory of ${applySet.environment} of ${from}, not of ${applySet.address ?? 'this one'}`;
  if (commit === undefined)
    return said === undefined || (remembered.hasWritten && !remembered.hasConverged)
      ? { verdict: 'ours' }
      : { verdict: 'refused', why };
  if (said === undefined && remembered.commits.includes(commit)) return { verdict: 'ours' };
  return { verdict: 'asks', commit, otherwise: `${why}: the commit ${commit} that converged last is not in it` };
}
