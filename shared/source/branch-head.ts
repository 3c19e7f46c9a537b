import { z } from 'zod';
import { isEnvironmentName } from '../environment/environment-file.ts';

/**
 * Where the schedule saw a branch last, and what is declared there: with both, a branch that has not moved is not
 * fetched.
 */
export const branchHeadSchema = z.object({
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  environments: z.array(z.string().refine(isEnvironmentName, 'is no name of an environment')),
});
export type BranchHead = z.infer<typeof branchHeadSchema>;

/** In the state bucket. */
export function branchHeadPath(repositoryClass: string): string {
  return `heads/${repositoryClass}.json`;
}

/** Anything else at its place is a head that was never seen. */
export function readBranchHead(value: unknown): BranchHead | undefined {
  return branchHeadSchema.safeParse(value).data;
}
