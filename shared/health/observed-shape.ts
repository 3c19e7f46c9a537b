import { z } from 'zod';
import { progressing, unknown, type Health, type HealthRule } from './health.ts';

/** A part of an object that may be absent or null; its fields then take their defaults. */
export function part<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, z.object(shape));
}

/** A number of pods that the API server leaves out when it is zero. */
export const podCount = z.number().default(0);

/** `metadata.generation` counts changes of the spec; kinds without a status subresource have none. */
export const generation = part({ generation: z.number().default(0) });

/** Zero until the controller has looked for the first time. */
export const observedGeneration = z.number().default(0);

/**
 * A rule over the fields it reads, checked by a schema: an object of another shape is `Unknown`, and the message names
 * the field.
 */
export function rule<T>(schema: z.ZodType<T>, judge: (observed: T) => Health): HealthRule {
  return (object) => {
    const observed = schema.safeParse(object);
    if (observed.success) return judge(observed.data);
    return unknown(
      `${observed.error.issues.map(({ path }) => path.join('.')).join(', ')} has a form that is not known`,
    );
  };
}

/** As `rule`, for workloads whose controller reports how far it has read: an older status is never judged. */
export function workloadRule<T extends { metadata: { generation: number }; status: { observedGeneration: number } }>(
  schema: z.ZodType<T>,
  judge: (observed: T) => Health,
): HealthRule {
  return rule(schema, (observed) => {
    if (observed.status.observedGeneration < observed.metadata.generation) {
      return progressing('its controller has not seen the latest specification yet');
    }
    return judge(observed);
  });
}
