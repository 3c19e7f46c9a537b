import { z } from 'zod';
import { loadConfig } from '../wiring.ts';
import { route } from './route.ts';

/** Of a function that says no more of itself than that it has a configuration. */
export const healthz = route({
  name: 'health',
  path: '/healthz',
  summary: 'Whether this function can serve at all',
  query: z.looseObject({}),
  answer: z.object({ status: z.literal('ok') }),
  isFree: true,
  async handle() {
    loadConfig();
    return { status: 'ok' as const };
  },
});
