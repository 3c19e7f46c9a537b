import { z } from 'zod';

/** The Git object id of each path an environment is made of, null where nothing is there. */
export const inputsSchema = z.record(z.string(), z.string().nullable());

export const attemptedSchema = z.object({
  commit: z.string(),
  revision: z.string(),
  at: z.string(),
  inputs: inputsSchema,
});
/** One revision that a run set out for, with the Git object ids of what the environment is made of there. */
export type AttemptedRevision = z.infer<typeof attemptedSchema>;
