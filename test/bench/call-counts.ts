import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { z } from 'zod';

/** HTTP requests that this process sent to the Git host and to Cloud Storage. */
export interface CallCounts {
  readonly git: number;
  readonly state: number;
}

const startSchema = z.object({
  request: z.custom<ClientRequest>((value) => typeof value === 'object' && value !== null && 'getHeader' in value),
});

const undiciSchema = z.object({ request: z.object({ origin: z.coerce.string() }) });

/** Counts from now on. The adapter of Storage uses Node's own client, that of Git undici. */
export function countCalls({ git, storage }: { git: readonly string[]; storage: string }): () => CallCounts {
  const hosts = { git: new Set(git.map((url) => new URL(url).host)), state: new Set([new URL(storage).host]) };
  const counts = { git: 0, state: 0 };
  subscribe('undici:request:create', (message) => {
    if (hosts.git.has(new URL(undiciSchema.parse(message).request.origin).host)) counts.git += 1;
  });
  subscribe('http.client.request.start', (message) => {
    const host = String(startSchema.parse(message).request.getHeader('host'));
    if (hosts.state.has(host)) counts.state += 1;
  });
  return () => ({ ...counts });
}
