import { join } from 'node:path';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import { tellStory } from '../../local/story/tell-story.ts';
import { noCalls, withStateCall } from './call-counts.ts';
import { secondsOf, type Case } from './measure.ts';

/** Of the four environments that the story ends with. */
const objects = 55;

/** The whole story in a pipeline of its own, which holds to every limit; nothing is disturbed, and no schedule looks. */
export async function measureStory({ folder, programs }: Pipeline): Promise<Case> {
  let counts = noCalls;
  const pipeline = await startPipeline({
    ...{ folder: join(folder, 'story'), programs, scheduleSeconds: 0 },
    ...{ memory: 'enforced', chaos: 'none' },
    onStorageCall: ({ account, asked }) => {
      if (account !== undefined && account !== 'ci') counts = withStateCall(counts, asked);
    },
  });
  try {
    const seconds = await secondsOf(() => tellStory(pipeline, () => {}));
    const { reads, writes, environmentWrites } = counts;
    return {
      ...{ name: 'story-platform', objects, seconds },
      ...{ floorSeconds: null, apiCalls: null, peakRssMiB: null },
      state: { runs: 1, reads, writes, environmentWrites },
    };
  } finally {
    await pipeline.stop();
  }
}
