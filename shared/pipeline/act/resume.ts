import type { z } from 'zod';
import { environmentSuspension, type SuspensionKeys } from '../../environment/suspension.ts';
import type { YamlEdit } from '../../yaml/edit-yaml.ts';
import type { ActionOf } from './action.ts';
import { announcementShape, announcing } from './announcing.ts';
import {
  changedFileSchema,
  changeEnvironmentFile,
  type ChangedFile,
  type ChangePorts,
} from './change-environment-file.ts';

export const resumedSchema = changedFileSchema.extend(announcementShape);
export type Resumed = Readonly<z.output<typeof resumedSchema>>;

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
        return { subject: `Resume ${environment.name}`, edits: resumptionEdits(environment) };
      },
    },
    ports,
  );
}

/** The edits of a file by which nothing is left of a suspension. */
export function resumptionEdits({ suspend }: SuspensionKeys): YamlEdit[] {
  const keys = [...(suspend ? ['suspend'] : []), 'suspendUntil', 'suspendReason'];
  return keys.map((one) => ({ path: ['spec', one], value: undefined }));
}

/** The same, asked for on purpose: a commit that cannot be announced is there all the same. */
export async function resumeAction(action: ActionOf<'resume'>, by: string, ports: ChangePorts): Promise<Resumed> {
  return await announcing(ports, async (announced) => resume(action, by, announced));
}
