import { z } from 'zod';
import type { Verdict } from './commit-report.ts';

/** What a Git host is to show of a pull request's plan: in plain text, which each host escapes and cuts for where it goes. */
export interface PlanReport {
  readonly repositoryClass: string;
  readonly number: number;
  readonly head: string;
  /** `pending`: something could not be tried before it is merged, or a maintainer is waited for. */
  readonly verdict: Verdict;
  /** `develop: 2 of 3 environments would change, 1 is refused` */
  readonly title: string;
  /** Sentences about all of it. */
  readonly notes: readonly string[];
  /** Failures come first. */
  readonly environments: readonly ReportedPlan[];
  /** Whether there is nothing to say beside the check: a comment is written only where one is there. */
  readonly isIdle: boolean;
}

export interface ReportedPlan {
  readonly name: string;
  readonly verdict: Verdict;
  /** `1 to create, 2 to change` */
  readonly summary: string;
  /** What becomes of each object, and of its fields, a line each. */
  readonly lines: readonly PlanLine[];
}

export interface PlanLine {
  readonly sign: '+' | '-' | '!' | ' ';
  readonly text: string;
}

/** What is remembered of a pull request, in the state bucket: who writes its comment now, and which head a maintainer let be planned. */
const planRecordSchema = z.object({
  version: z.literal(1),
  /** It ends a minute after it was written. */
  writer: z.string().nullable(),
  approved: z.string().nullable(),
});
export type PlanRecord = z.infer<typeof planRecordSchema>;

/** Undefined for another version, a half of one, or anything else at its place. */
export function decodePlanRecord(value: unknown): PlanRecord | undefined {
  return planRecordSchema.safeParse(value).data;
}

export function planRecordPath({ repository, number }: { repository: string; number: number }): string {
  return `plans/${repository}/${number}.json`;
}
