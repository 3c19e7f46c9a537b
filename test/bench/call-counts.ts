import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { z } from 'zod';
import { mutatedBy } from '../../local/fronts/storage-request.ts';

/** HTTP requests that this process sent to the Git host and to Cloud Storage. */
export interface CallCounts {
  readonly git: number;
  readonly state: number;
  /** Of those to Storage, what read and what wrote; and what wrote the objects of an environment. */
  readonly reads: number;
  readonly writes: number;
  readonly environmentWrites: number;
}

export const noCalls: CallCounts = { git: 0, state: 0, reads: 0, writes: 0, environmentWrites: 0 };

/** One request to Storage more. */
export function withStateCall(counts: CallCounts, asked: { method: string; path: string }): CallCounts {
  const { state, reads, writes, environmentWrites } = counts;
  const name = mutatedBy(asked);
  if (name === undefined) return { ...counts, state: state + 1, reads: reads + 1 };
  const isOfEnvironment = /^[^/]+\/environments\//.test(name);
  return {
    ...{ ...counts, state: state + 1, writes: writes + 1 },
    environmentWrites: environmentWrites + (isOfEnvironment ? 1 : 0),
  };
}

const startSchema = z.object({
  request: z.custom<ClientRequest>((value) => typeof value === 'object' && value !== null && 'getHeader' in value),
});

const undiciSchema = z.object({ request: z.object({ origin: z.coerce.string() }) });

/** Counts from now on. The adapter of Storage uses Node's own client, that of Git undici. */
export function countCalls({ git, storage }: { git: readonly string[]; storage: string }): () => CallCounts {
  const hosts = { git: new Set(git.map((url) => new URL(url).host)), state: new Set([new URL(storage).host]) };
  let counts = noCalls;
  subscribe('undici:request:create', (message) => {
    const { host } = new URL(undiciSchema.parse(message).request.origin);
    if (hosts.git.has(host)) counts = { ...counts, git: counts.git + 1 };
  });
  subscribe('http.client.request.start', (message) => {
    const { request } = startSchema.parse(message);
    if (hosts.state.has(String(request.getHeader('host')))) counts = withStateCall(counts, request);
  });
  return () => counts;
}
