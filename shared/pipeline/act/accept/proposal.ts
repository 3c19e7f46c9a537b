import { oneLine } from '../../../source/commit-message.ts';
import type { AcceptedObject } from './plan-acceptance.ts';

/** What a pull request says of an accepted incident. */
export interface Proposal {
  readonly title: string;
  /** Markdown. */
  readonly body: string;
}

interface Facts {
  /** `master/acme-production` */
  readonly environment: string;
  readonly incident: string;
  readonly by: string;
  readonly reason: string | undefined;
  readonly objects: readonly AcceptedObject[];
  /** Other environments that are made of the same files. */
  readonly shared: readonly string[];
}

const longestTitle = 100;
/** GitHub takes 65,536 characters of text, and others more. */
const longestBody = 60_000;

export function titleOf({ environment, objects }: Pick<Facts, 'environment' | 'objects'>): string {
  const [first, ...others] = [...new Set(objects.map(({ object }) => object))];
  const rest = others.length === 0 ? '' : ` and ${others.length} more`;
  return oneLine(`Accept the drift of ${first ?? ''}${rest} in ${environment.split('/').at(-1) ?? ''}`, longestTitle);
}

export function proposalOf(facts: Facts): Proposal {
  const { environment, incident, by, reason, objects, shared } = facts;
  const lines = [
    `${code(by)} accepts incident ${code(incident)} of ${code(environment)}: what was changed in its cluster is written into Git. Merged, the incident ends; closed, the cluster differs as before.`,
    '',
    ...(reason === undefined ? [] : [`Reason: ${code(reason)}`, '']),
    ...objects.map(objectLine),
    ...(shared.length === 0
      ? []
      : ['', `**Other environments are made of the same files, and change, too:** ${shared.map(code).join(', ')}`]),
  ];
  const body = lines.join('\n');
  return {
    title: titleOf(facts),
    body: body.length > longestBody ? `${body.slice(0, longestBody).toWellFormed()}\n\n…` : body,
  };
}

const ways: Readonly<Record<AcceptedObject['how'], string>> = {
  manifest: 'in its manifest',
  patch: 'by a patch of its overlay',
  values: 'by a value of its chart',
  ignored: 'is ignored from now on: no one value of its chart makes it so',
};

function objectLine({ object, how, file, fields }: AcceptedObject): string {
  const what = fields.length === 0 ? 'was deleted, and goes' : fields.map(code).join(', ');
  return `- ${code(object)}: ${what} ${ways[how]} (${code(file)})`;
}

/** Nothing in it is read as Markdown, or calls somebody. */
function code(text: string): string {
  return `\`${oneLine(text, 500).replaceAll('`', "'")}\``;
}
