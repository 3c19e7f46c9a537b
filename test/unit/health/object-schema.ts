import { z } from 'zod';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

/** An object as the API server has it, of a fixture. */
export const objectSchema = z.custom<KubernetesObject>(
  (value) =>
    z.object({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({}) }).safeParse(value).success,
);
