import { z } from 'zod';
import { believedMemory, lateTime } from './believed.ts';
import { memorySchema, type Memory } from './memory.ts';

/*
 * `environments/<class>/<name>/memory.departed.json`: an environment that is no more, of which a request that is late may still make an
 * object. Until that is out of the question, each tick of the schedule looks for one, and takes leave of it, too.
 */
const departedSchema = z.object({
  version: z.literal(1),
  /** Until when (ISO 8601) something may still come to be. */
  until: z.string(),
  /** What was remembered of it at its end. */
  memory: memorySchema,
});
export type Departed = z.infer<typeof departedSchema>;

/** Undefined for anything else. */
export function decodeDeparted(value: unknown, { writtenAt }: { writtenAt: Date }): Departed | undefined {
  const departed = departedSchema.safeParse(value).data;
  if (departed === undefined) return undefined;
  const { until, memory } = departed;
  return { ...departed, until: lateTime(until, writtenAt), memory: believedMemory(memory, writtenAt) };
}

/** What was to be told of it has been: nothing of that is kept. */
export function departedOf(memory: Memory, until: string): Departed {
  const { outbox: _outbox, incident: _incident, incidents: _incidents, notes: _notes, ...kept } = memory;
  return { version: 1, until, memory: kept };
}
