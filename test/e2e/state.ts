import type { File } from '@google-cloud/storage';
import { z } from 'zod';
import { frozenSchema } from '../../shared/environment/frozen.ts';
import { memorySchema, type Memory } from '../../shared/memory/memory.ts';
import { doneRequestSchema } from '../../shared/memory/request.ts';
import { statePaths } from '../../shared/memory/state-paths.ts';
import { eventually, readLog, type World } from './world.ts';

const statusSchema = z.object({
  environments: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      message: z.string(),
      health: z.string(),
      incident: z.string().nullable(),
      policy: z.looseObject({ frozen: frozenSchema.optional() }).nullable(),
      requests: z.array(doneRequestSchema),
    }),
  ),
});

export type ToldStatus = z.infer<typeof statusSchema>['environments'][number];

/** What the pipeline keeps of an environment of master in the state bucket, and what it tells of that. */
export interface StateOfWorld {
  stateFile(this: void, environment: string, object: 'lease' | 'wanted' | 'memory' | 'departed'): File;
  memoryOf(this: void, environment: string): Promise<Memory>;
  /** As where the state bucket is lost. */
  forget(this: void, environment: string): Promise<void>;
  /** Lets the time of a lease pass that a run which was killed leaves behind. */
  expireLease(this: void, environment: string): Promise<void>;
  /** Lets the time pass until which a run that was killed may still make an object of an environment that is gone. */
  outliveLateCreations(this: void, environment: string): Promise<void>;
  /** What the function `status` tells; undefined where it does not know the environment. */
  statusOf(this: void, environment: string): Promise<ToldStatus | undefined>;
  /**
   * Has the schedule look, and resolves when a run of each of these environments is over since. None named: of all that
   * the status knows.
   */
  checked(this: void, ...environments: readonly string[]): Promise<void>;
}

/** `world` is called at each look: a test's world starts after its module is read. */
export function stateOf(world: () => World): StateOfWorld {
  const stateFile: StateOfWorld['stateFile'] = (environment, object) => {
    const { clients, stateBucket } = world().pipeline;
    return clients.storage.bucket(stateBucket).file(statePaths({ repository: 'master', environment })[object]);
  };
  async function statuses(): Promise<readonly ToldStatus[]> {
    return statusSchema.parse(await (await fetch(world().pipeline.facts.status)).json()).environments;
  }
  const linesOf = async (environment: string): Promise<number> =>
    (await readLog(world()))
      .split('\n')
      .filter((line) => line.includes('"reconcile done"') && line.includes(`"subject":"master/${environment}"`)).length;
  return {
    stateFile,
    async memoryOf(environment) {
      const [content] = await stateFile(environment, 'memory').download();
      return memorySchema.parse(JSON.parse(content.toString()));
    },
    async forget(environment) {
      await stateFile(environment, 'memory').delete({ ignoreNotFound: true });
    },
    async expireLease(environment) {
      const lease = stateFile(environment, 'lease');
      if (!(await lease.exists())[0]) return;
      const [content] = await lease.download();
      const found = z.looseObject({}).parse(JSON.parse(content.toString()));
      await lease.save(JSON.stringify({ ...found, seconds: -2 }), { resumable: false });
    },
    async outliveLateCreations(environment) {
      const record = stateFile(environment, 'departed');
      if (!(await record.exists())[0]) return;
      const [content] = await record.download();
      const found = z.looseObject({ until: z.string() }).parse(JSON.parse(content.toString()));
      await record.save(JSON.stringify({ ...found, until: '2001-01-01T00:00:00Z' }), { resumable: false });
    },
    async statusOf(environment) {
      return (await statuses()).find(({ name }) => name === environment);
    },
    async checked(...environments) {
      const names = environments.length > 0 ? environments : (await statuses()).map(({ name }) => name);
      const before = new Map<string, number>();
      for (const name of names) before.set(name, await linesOf(name));
      await world().checkDrift();
      for (const [name, lines] of before)
        await eventually(`${name} was looked at`, async () => (await linesOf(name)) > lines);
    },
  };
}
