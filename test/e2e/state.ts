import type { File } from '@google-cloud/storage';
import { z } from 'zod';
import { memorySchema, type Memory } from '../../shared/memory/memory.ts';
import { statePaths } from '../../shared/memory/state-paths.ts';
import type { World } from './world.ts';

const statusSchema = z.object({
  environments: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      message: z.string(),
      health: z.string(),
      incident: z.string().nullable(),
      policy: z.looseObject({}).nullable(),
    }),
  ),
});

export type ToldStatus = z.infer<typeof statusSchema>['environments'][number];

/** What the pipeline keeps of an environment of master in the state bucket, and what it tells of that. */
export interface StateOfWorld {
  stateFile(this: void, environment: string, object: 'lease' | 'wanted' | 'memory'): File;
  memoryOf(this: void, environment: string): Promise<Memory>;
  /** As where the state bucket is lost. */
  forget(this: void, environment: string): Promise<void>;
  /** Ends what a run that was killed leaves behind, and time would end. */
  expireLease(this: void, environment: string): Promise<void>;
  /** What the function `status` tells; undefined where it does not know the environment. */
  statusOf(this: void, environment: string): Promise<ToldStatus | undefined>;
}

/** `world` is called at each look: a test's world starts after its module is read. */
export function stateOf(world: () => World): StateOfWorld {
  const stateFile: StateOfWorld['stateFile'] = (environment, object) => {
    const { clients, stateBucket } = world().pipeline;
    return clients.storage.bucket(stateBucket).file(statePaths({ repository: 'master', environment })[object]);
  };
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
      await stateFile(environment, 'lease').delete({ ignoreNotFound: true });
    },
    async statusOf(environment) {
      const { environments } = statusSchema.parse(await (await fetch(world().pipeline.facts.status)).json());
      return environments.find(({ name }) => name === environment);
    },
  };
}
