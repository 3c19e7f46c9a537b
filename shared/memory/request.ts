import { z } from 'zod';

/** What a person asked for on purpose, and what the run that did it found. */
export const doneRequestSchema = z.object({
  /** Of the message that asked for it. */
  id: z.string(),
  action: z.enum(['reconcile', 'revert']),
  /** Whose drift was to be undone; absent: no one's. */
  incident: z.string().optional(),
  by: z.string(),
  reason: z.string().optional(),
  /** Name of the freeze that it went past; absent: it went past none. */
  override: z.string().optional(),
  /** When its run ended: ISO 8601. */
  at: z.string(),
  /** As the run ended; `refused`: nothing of the incident was undone, and `message` says why. */
  outcome: z.enum(['converged', 'unchanged', 'waiting', 'diverged', 'frozen', 'suspended', 'refused']),
  /** What it waits for, what differs, or why nothing was done; empty: nothing is to be said. */
  message: z.string(),
});
export type DoneRequest = z.infer<typeof doneRequestSchema>;

/** How many are remembered: by them a message that comes again is known. */
const rememberedRequests = 10;

/** The one that comes again replaces itself. */
export function withRequest(requests: readonly DoneRequest[] | undefined, done: DoneRequest): readonly DoneRequest[] {
  return [...(requests ?? []).filter(({ id }) => id !== done.id), done].slice(-rememberedRequests);
}
