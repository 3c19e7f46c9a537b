import { encodeDependencyAlert, type DependencyAlert } from '../events/dependency-alert.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import { boundedText, largestLine, largestTitle } from './bounded-text.ts';
import type { Notice } from './notice.ts';

/** What a sink is told to see that it can be told, as if an incident had begun or ended. */
export interface TestAlert {
  readonly alert: ReceivedAlert;
  readonly notice: Notice;
  /** Of its event. */
  readonly id: string;
  /** ISO 8601 */
  readonly time: string;
}

/** A cluster of this name is in no configuration that has environments: whoever reads data alone sees it by that. */
const subject = { kind: 'cluster', name: 'converge-test' } as const;

/**
 * A test of one sink: an incident of its own, of nothing that is watched, which says in each form that it is a test, whose
 * and when.
 *
 * @param key of the incident, other than that of each test before: letters, digits and dashes, at most 64
 * @param since when the test began
 */
export function testAlert({
  sink,
  by,
  key,
  since,
  at,
  state,
}: {
  sink: string;
  by: string;
  key: string;
  since: Date;
  at: Date;
  state: 'opened' | 'closed';
}): TestAlert {
  const began = since.toISOString();
  const said = { subject: `${subject.kind}/${subject.name}`, ...subject, incident: key, since: began };
  const nobody = { environments: [], count: 0 };
  const sent = boundedText(`Sent by ${by} with converge test-sink at ${began}`, largestLine);
  const message = `This is a test of alert sink ${boundedText(sink, 80)}: nothing is wrong. ${sent}`;
  const dependency: DependencyAlert =
    state === 'opened'
      ? { topic: 'diff', data: { ...said, code: 'Test', message, remedy: 'nothing is to be done', ...nobody } }
      : {
          topic: 'converged',
          data: {
            ...said,
            outcome: 'unused',
            seconds: Math.max(0, (at.getTime() - since.getTime()) / 1000),
            ...nobody,
          },
        };
  const words = state === 'opened' ? 'nothing is wrong, and nothing is to be done' : 'the test is over';
  return {
    alert: { kind: 'dependency', ...dependency },
    id: encodeDependencyAlert(dependency, at).id,
    time: at.toISOString(),
    notice: {
      incident: { key, occurrence: 1, since: began },
      state,
      severity: state === 'opened' ? 'warning' : 'info',
      about: 'converge-test',
      title: boundedText(`TEST of alert sink ${sink}: ${words}`, largestTitle),
      lines: [sent],
    },
  };
}
