import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { planOutputSchema } from '../../../cli/output-schemas.ts';
import { showPlan } from '../../../cli/plan.ts';
import type { PlanAnswer } from '../../../shared/pipeline/inspect/answers.ts';
import { exampleOf } from '../../contracts.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const [example] = planOutputSchema.parse(JSON.parse(exampleOf('json plan'))).plans;
const servers: ReturnType<typeof createServer>[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** What the command says of a plan that `inspect` answers. */
async function shown(answer: Partial<PlanAnswer>) {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...example, ...answer }));
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const context = contextOf(createWorld(), { CONVERGE_ID_TOKEN: 'a-token' });
  return await showPlan({ ...context, inspectUrl: `http://127.0.0.1:${address.port}` }, 'acme-production', {});
}

describe('converge plan', () => {
  it('ends with 1 where something would change, and with 0 where nothing would', async () => {
    expect(await shown({})).toMatchObject({ exit: 1 });
    const nothing = { objects: [], hooks: [], wouldChange: false };
    expect(await shown(nothing)).toMatchObject({ exit: 0 });
  });

  it('takes a name that nobody knows for a mistake, and not for one of which nothing would change', async () => {
    const message = 'no file declares it at that commit, and no run knows it';
    const absent = { outcome: 'absent' as const, message, objects: [], hooks: [], wouldChange: false };
    await expect(shown(absent)).rejects.toMatchObject({ subject: 'acme-production', problem: message, exit: 2 });
  });
});
