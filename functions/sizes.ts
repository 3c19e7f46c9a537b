import type { GuardedFunction } from '../shared/access/access.ts';

/** What one instance of a function has, how many calls it takes at a time, and how many instances there are at most. */
export interface FunctionSize {
  /** Its file system, with the clones, is part of it. */
  readonly memoryMiB: number;
  readonly cpu: number;
  /** Below the 600 s after which Pub/Sub delivers again. */
  readonly timeoutSeconds: number;
  readonly concurrency: number;
  readonly maxInstances: number;
}

/**
 * The sizes that Terraform and Firebase deploy. Neither can read this file: `terraform/<function>.tf` and
 * `functions.yaml` say them again, and test/unit/repeated-facts.test.ts holds them to it. The peaks are those of
 * docs/benchmarks.md.
 */
export const functionSizes: Readonly<Record<GuardedFunction | 'receivePush', FunctionSize>> = {
  // 200 MB of upload pass through memory in pieces (239 MiB), and lie in the file system once more. Calls of one burst
  // wait for the one that holds the lease, and cost nothing: in one instance they become one commit, and more instances
  // would not be faster.
  copyArtifact: { memoryMiB: 1024, cpu: 1, timeoutSeconds: 540, concurrency: 80, maxInstances: 2 },
  // 90 MiB, and at most 64 MiB of bodies whatever comes at once (body.ts).
  receivePush: { memoryMiB: 256, cpu: 1, timeoutSeconds: 60, concurrency: 40, maxInstances: 5 },
  // 146 MiB for its libraries and a fetch. A message is a commit, and there are few.
  fanOut: { memoryMiB: 512, cpu: 1, timeoutSeconds: 540, concurrency: 4, maxInstances: 5 },
  // 607 MiB for 5,000 objects, and the renderer beside it may take limits.renderMiB: a second job has no room. Many
  // environments at a time are many instances.
  reconcile: { memoryMiB: 2048, cpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 20 },
  // It copies uploads that nobody announced, as copyArtifact does. A second instance: where a look takes longer than
  // the schedule's pause, the next one is not turned away.
  checkDrift: { memoryMiB: 1024, cpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 2 },
  // 71 MiB. An alert goes to all sinks side by side, and one that does not answer takes ten seconds.
  deliverAlert: { memoryMiB: 256, cpu: 1, timeoutSeconds: 120, concurrency: 10, maxInstances: 5 },
  // 124 MiB, and the memories of all environments.
  status: { memoryMiB: 512, cpu: 1, timeoutSeconds: 60, concurrency: 20, maxInstances: 3 },
};
