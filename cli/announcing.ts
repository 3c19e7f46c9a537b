import { describeError } from '../shared/base/errors.ts';
import type { Topics } from '../shared/ports/messages.ts';
import type { Line } from './command-result.ts';
import type { Context } from './context.ts';

/** Topics that are opened for the first message, and whose failure fails nothing. */
export function announcing(context: Context): { readonly topics: Topics; readonly problem: () => string | undefined } {
  let problem: string | undefined;
  return {
    topics: {
      async publish(topic, event) {
        // The commit is there: the host's webhook or the next check announces it, too.
        await (
          await context.open.topics()
        )
          .publish(topic, event)
          .catch((error: unknown) => (problem = describeError(error)));
      },
    },
    problem: () => problem,
  };
}

export function unannouncedLines(problem: string | undefined): Line[] {
  return problem === undefined ? [] : [{ text: `not announced, the next check finds it: ${problem}`, tone: 'bad' }];
}
