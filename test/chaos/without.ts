import type { Scene } from './scenes.ts';

/** What is changed in a file of the project: a text that it has exactly once. */
export interface Edit {
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

export interface WithoutRule {
  /** What is not so any more, in one sentence. */
  readonly without: string;
  /** That is violated without it. */
  readonly missedBy: Scene;
  readonly edits: readonly Edit[];
}

const state = 'shared/pipeline/reconcile/run/state.ts';
const claim = 'shared/pipeline/reconcile/run/claim.ts';
const cluster = 'shared/adapters/kubernetes/cluster.ts';

/** The rules of the fence, and what of the sources holds each. docs/state.md explains them. */
export const withoutRules: Readonly<Record<string, WithoutRule>> = {
  fence: {
    without: 'Who claimed the lease once does not look at it again before he writes in the cluster.',
    missedBy: 'a run sleeps between two writes',
    edits: [
      {
        file: claim,
        text: 'if (look === undefined && isFresh(state)) return;',
        replacement: 'if (state.hold !== undefined) return;',
      },
    ],
  },
  preconditions: {
    without: 'Writes in the cluster name neither the incarnation nor the version that was read.',
    missedBy: 'the write of a lost run comes late',
    edits: [
      {
        file: cluster,
        text: '    body: JSON.stringify(object),',
        replacement:
          '    body: JSON.stringify({ ...object, metadata: { ...object.metadata, uid: undefined, resourceVersion: undefined } }),',
      },
      {
        file: cluster,
        text: "      { op: 'replace', path: '/metadata/uid', value: uid },\n      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },\n",
        replacement: '',
      },
      { file: cluster, text: '      preconditions: { uid, resourceVersion },\n', replacement: '' },
    ],
  },
  suspects: {
    without: 'What a lost run may still write is believed as it was read, and not given another version.',
    missedBy: 'the write of a lost run comes late',
    edits: [
      {
        file: 'shared/pipeline/reconcile/write/fence-suspects.ts',
        text: 'await inParallel(there, async (one) => fenceOne(target, { observed: one, by }));',
        replacement: 'there;',
      },
    ],
  },
  claim: {
    without: 'A lease is claimed whatever it is by now.',
    missedBy: 'two looks claim one lease',
    edits: [
      {
        file: state,
        text: 'let result = await ports.state.write({ path: known.path, value, ifGeneration: preconditionOf(known), metadata });',
        replacement:
          "let result = await ports.state.write({ path: known.path, value, ifGeneration: 'any', metadata });",
      },
    ],
  },
  memory: {
    without: 'The memory is written whatever it is by now.',
    missedBy: 'the word of a lost run comes late',
    edits: [
      { file: state, text: 'const ifGeneration = preconditionOf(known);', replacement: "const ifGeneration = 'any';" },
    ],
  },
  fold: {
    without: 'A dead run is overtaken, and nobody ends it in its stead.',
    missedBy: 'a run dies between the write and its word',
    edits: [
      {
        file: state,
        text: "    case 'over':\n      return await openFolded(opening, ports);",
        replacement: "    case 'over':\n      return { opened: 'free', state };",
      },
    ],
  },
  outbox: {
    without: 'Alerts are published before the memory says them.',
    missedBy: 'a run dies before it has said what failed',
    edits: [
      {
        file: state,
        text: '  if (hold === undefined) await assertSayable(state);\n',
        replacement:
          '  if (hold === undefined) await assertSayable(state);\n  for (const { time, ...alert } of state.current.outbox ?? [])\n    await ports.topics.publish(alert.topic, encodeAlert(alert, new Date(time)));\n',
      },
    ],
  },
  evidence: {
    without: 'A claim does not hold the alerts of what is about to be undone.',
    missedBy: 'a run dies between the write and its word',
    edits: [
      {
        file: claim,
        text: '    evidence: evidenceOf(state),',
        replacement: '    evidence: { incidents: [], outbox: [] },',
      },
    ],
  },
};
