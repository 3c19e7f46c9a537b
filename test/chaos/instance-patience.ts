import { patience } from '../../shared/adapters/patience.ts';

/*
 * Everybody is waited for a few seconds only: a request that is never answered costs a round less. The adapters read
 * these figures when they are made, which is after this.
 */
const shorter: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  kubernetes: { answer: 2_500, wholeAnswer: 10_000, longestPause: 1_000 },
  pubsub: { answer: 5_000 },
  storage: { answer: 2_500, wholeUpload: 10_000, wholeState: 10_000, upload: 5_000, totalSeconds: 2 },
  git: { answer: 2_500, whole: 10_000, turn: 12_000, longestPauseSeconds: 1 },
};
for (const [system, times] of Object.entries(shorter)) Object.assign(Reflect.get(patience, system), times);
