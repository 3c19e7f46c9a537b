import type { ChangePorts } from '../shared/pipeline/act/change-environment-file.ts';
import type { Topics } from '../shared/ports/messages.ts';
import type { Line } from './command-result.ts';
import type { Context } from './context.ts';

/** Opened once there is something to announce. */
export function lateTopics(context: Context): Topics {
  return { publish: async (topic, event) => (await context.open.topics()).publish(topic, event) };
}

export function unannouncedLines(problem: string | null): Line[] {
  return problem === null ? [] : [{ text: `not announced, the next check finds it: ${problem}`, tone: 'bad' }];
}

/** What an action needs that makes a commit by the rights of whoever calls. */
export async function changePorts(context: Context): Promise<ChangePorts> {
  const [state, repository] = await Promise.all([context.open.state(), context.open.repository()]);
  return { ...context.ports, state, repository, topics: lateTopics(context) };
}
