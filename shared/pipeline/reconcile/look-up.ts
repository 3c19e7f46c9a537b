import { resourceOf } from '../../objects/desired.ts';
import type { LookupAnswer, LookupQuery } from '../ports.ts';
import type { Target } from './target.ts';

/** Answers a template's `lookup` as Helm does. What can't be read throws: it is never "not there". */
export async function lookUp({ cluster, api }: Target, { apiVersion, kind, namespace, name }: LookupQuery): Promise<LookupAnswer> {
  const resource = resourceOf({ api, object: { apiVersion, kind } });
  if (resource === undefined) return { refused: `the cluster does not serve ${kind} in ${apiVersion}` };
  const scope = resource.namespaced && namespace !== '' ? namespace : undefined;
  if (name === '') {
    const items = await cluster.list({ resource, namespace: scope, content: 'whole' });
    return { found: { apiVersion, kind: `${kind}List`, metadata: {}, items } };
  }
  // One object of a namespaced kind is nowhere but in a namespace.
  if (resource.namespaced && scope === undefined) return { found: null };
  return { found: (await cluster.get({ resource, namespace: scope, name })) ?? null };
}
