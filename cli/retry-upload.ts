import { retryUpload as retryAction, retriedUploadSchema } from '../shared/pipeline/act/retry-upload.ts';
import { parseArtifactUri } from '../shared/source/artifact.ts';
import { act, saidOf, uploadSettings, type ActOptions } from './ask-act.ts';
import { chooseClass, repositoryOf, type ClassOptions } from './choose-class.ts';
import { readBuild } from './ci-environment.ts';
import { shortTime, type CommandResult } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { followUploads, type FollowOptions } from './follow-uploads.ts';

export interface RetryOptions extends ClassOptions, FollowOptions, ActOptions {}

/**
 * `converge retry-upload NAME`: writes an object that was refused once more, as it is. Exit code 0 as of `converge upload`.
 */
export async function retryUpload(context: Context, name: string, options: RetryOptions): Promise<CommandResult> {
  const wanted = findWanted({ context, name, options });
  const action = { action: 'retry-upload' as const, artifact: wanted, ...saidOf(options) };
  context.progress(`writes ${wanted} once more`);
  const {
    repository,
    refused,
    refusedAt,
    artifact: uri,
  } = await act(context, {
    ...{ action, options, schema: retriedUploadSchema },
    async own(by) {
      const [buckets, uploads, state] = await Promise.all([
        context.open.buckets(),
        context.open.uploads(),
        context.open.state(),
      ]);
      return await retryAction(action, by, { buckets, uploads, state }, uploadSettings(context));
    },
  });
  const first = { text: `refused   ${refused} of ${shortTime(refusedAt)}`, tone: 'detail' as const };
  const artifact = uri === null ? undefined : parseArtifactUri(uri);
  if (artifact === undefined)
    return {
      exit: 0,
      json: { repository, artifacts: [], commits: [], environments: null, warnings: [] },
      lines: [first, { text: 'would be uploaded once more, as it is', tone: 'heading' }],
    };
  const followed = await followUploads(context, { repositoryClass: repository, artifacts: [artifact], options });
  return { ...followed, lines: [first, ...followed.lines] };
}

/** `gs://BUCKET/NAME`, with `#GENERATION` or without. */
function findWanted({ context, name, options }: { context: Context; name: string; options: RetryOptions }): string {
  if (!/^gs:\/\/[^/]+\/./.test(name)) {
    const repositoryClass = chooseClass({ context, options, build: readBuild(context.environment) });
    return `gs://${repositoryOf(context, repositoryClass).bucket}/${name}`;
  }
  if (options.class !== undefined || options.branch !== undefined)
    throw new CommandError({
      subject: options.class === undefined ? '--branch' : '--class',
      message: 'chooses the bucket, and so does gs://',
      remedy: 'give one of them',
    });
  return name;
}
