import { ConvergeError } from '../../base/errors.ts';
import { copiesMasker, textMasker } from '../../drift/masking.ts';
import type { ObjectDiff } from '../../drift/object-diff.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { renderDesired } from '../reconcile/render/desired-state.ts';
import { toAsk } from '../reconcile/render/render-cache.ts';
import type { Inspection } from './open-inspection.ts';

/** Hides the values of the Secrets that an environment has or wants, in what others say of it. */
export interface Hides {
  readonly secrets: readonly KubernetesObject[];
  text(words: string): string;
  /** With the values of its fields: somebody may have copied one into another object. */
  difference<Difference extends ObjectDiff>(difference: Difference): Difference;
}

/**
 * What is hidden in answers about an environment: what its Secrets hold now, held when kubectl applied them last, and
 * hold in Git, as what runs may have read either. Where Git's cannot be rendered, the cluster's alone are known.
 */
export async function hidesFor(inspection: Inspection): Promise<Hides> {
  const wanted = await renderDesired(inspection.target, toAsk).catch((error: unknown) => {
    if (error instanceof ConvergeError) return { objects: [] };
    throw error;
  });
  return hidesOf(secretsOf(inspection, wanted));
}

/** All that is known of the Secrets of an environment. */
export function secretsOf(
  { observed }: { readonly observed: Pick<Inspection['observed'], 'objects'> },
  wanted: { readonly objects: readonly { readonly object: KubernetesObject }[] },
): KubernetesObject[] {
  const all = [...observed.objects.values(), ...wanted.objects].map(({ object }) => object);
  return all.filter(isSecret).flatMap((secret) => [secret, ...lastApplied(secret)]);
}

function isSecret({ apiVersion, kind }: KubernetesObject): boolean {
  return apiVersion === 'v1' && kind === 'Secret';
}

/** As `kubectl apply` keeps it, with all values. */
function lastApplied({ metadata: { annotations = {} }, ...secret }: KubernetesObject): KubernetesObject[] {
  try {
    const kept: unknown = JSON.parse(annotations['kubectl.kubernetes.io/last-applied-configuration'] ?? 'null');
    if (typeof kept !== 'object' || kept === null) return [];
    return [
      {
        ...{ apiVersion: secret.apiVersion, kind: secret.kind, metadata: {} },
        ...{ data: Reflect.get(kept, 'data'), stringData: Reflect.get(kept, 'stringData') },
      },
    ];
  } catch {
    return [];
  }
}

export function hidesOf(objects: readonly KubernetesObject[]): Hides {
  const hideIn = textMasker(objects);
  const copies = copiesMasker(objects);
  // Events say the same again and again, and a search for megabytes of values takes its time.
  const hidden = new Map<string, string>();
  const text = (words: string): string => {
    const found = hidden.get(words) ?? hideIn(words);
    hidden.set(words, found);
    return found;
  };
  return {
    secrets: objects,
    text,
    difference: (found) => ({
      ...found,
      message: text(found.message),
      fields: found.fields.map((field) => ({
        ...field,
        ...(field.desired === undefined ? {} : { desired: copies(field.desired) }),
        ...(field.observed === undefined ? {} : { observed: copies(field.observed) }),
      })),
    }),
  };
}
