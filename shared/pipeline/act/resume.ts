import { environmentSuspension } from '../../environment/suspension.ts';
import type { ActionOf } from './action.ts';
import { changeEnvironmentFile, type ChangedFile, type ChangePorts } from './change-environment-file.ts';

/**
 * Ends the suspension of an environment by one commit of its file, which loses what it says of that. One that is not
 * suspended stays as it is. Throws as `changeEnvironmentFile`.
 */
export async function resume(action: ActionOf<'resume'>, by: string, ports: ChangePorts): Promise<ChangedFile> {
  const { action: name, environment: key, reason, dryRun } = action;
  const now = ports.now();
  return await changeEnvironmentFile(
    {
      ...{ action: name, environment: key, by, reason, dryRun },
      change(environment) {
        if (environmentSuspension(environment, now) === undefined) return undefined;
        const keys = [...(environment.suspend ? ['suspend'] : []), 'suspendUntil', 'suspendReason'];
        return {
          subject: `Resume ${environment.name}`,
          edits: keys.map((one) => ({ path: ['spec', one], value: undefined })),
        };
      },
    },
    ports,
  );
}
