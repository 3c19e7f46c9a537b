import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { environmentAnnotation, type ApplySet } from './applyset.ts';
import { answersKey } from './kept-answers.ts';

/*
 * What the random values of an environment's charts are made from, and the time from which its certificates are valid.
 * It stands beside the inventory's parent and is no member: nothing prunes it, and while it is there, charts render
 * alike. Beside it stand the answers to their look-ups (`kept-answers.ts`).
 */

const dataSchema = z.object({
  seed: z.base64().refine((text) => Buffer.from(text, 'base64').length >= 16),
  time: z
    .base64()
    .transform((text) => Buffer.from(text, 'base64').toString('utf8'))
    .pipe(z.iso.datetime()),
});

export interface Seed {
  /** Base64. */
  readonly seed: string;
  /** ISO 8601. */
  readonly time: string;
}

/** For a render whose values nobody applies. */
export const noSeed: Seed = { seed: Buffer.alloc(32).toString('base64'), time: '1970-01-01T00:00:00.000Z' };

/** The name of the Secret, in the environment's namespace. */
export function seedSecretName(applySet: ApplySet): string {
  return `${applySet.name}-seed`;
}

/** Whether a Secret's name is that of some environment's seed. */
export function isSeedName(name: string): boolean {
  return /^converge-.+-seed$/.test(name);
}

/**
 * @param seed base64 of random bytes
 * @param answers as `writeKeptAnswers` gives them
 */
export function seedSecret({
  applySet,
  seed,
  time,
  answers,
}: {
  applySet: ApplySet;
  seed: string;
  time: string;
  answers?: string | undefined;
}): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name: seedSecretName(applySet),
      namespace: applySet.namespace,
      annotations: { [environmentAnnotation]: applySet.environment },
    },
    data: {
      seed,
      time: Buffer.from(time, 'utf8').toString('base64'),
      ...(answers === undefined ? {} : { [answersKey]: answers }),
    },
  };
}

/** What the Secret holds, or undefined where it is not as `seedSecret` makes it. */
export function readSeedSecret(secret: KubernetesObject): Seed | undefined {
  return dataSchema.safeParse(secret['data']).data;
}
