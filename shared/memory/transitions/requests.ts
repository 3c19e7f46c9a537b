import type { Memory } from '../memory.ts';
import { withRequest, type DoneRequest } from '../request.ts';

/** What a person asked for was done, or was not to be. Clears nothing. */
export function requestDone(memory: Memory, { done }: { done: DoneRequest }): Memory {
  return { ...memory, requests: withRequest(memory.requests, done) };
}
