import type { Policy } from '../environment/policy.ts';
import type { Memory } from '../memory/memory.ts';

/** An environment as `status` shows it, with what is remembered of it. */
export interface ReportedEnvironment {
  readonly repository: string;
  readonly name: string;
  readonly cluster: string;
  /** As `status` says. */
  readonly state: string;
  readonly message: string;
  readonly policy: Policy | null;
  /** When the last look began that came to an end: ISO 8601; null: not known. */
  readonly checkedAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly memory: Memory;
}
