import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConvergeError } from '../shared/base/errors.ts';
import { matchesPattern } from '../shared/base/pattern.ts';
import type { Report } from '../shared/events/report.ts';
import { parseDuration } from '../shared/environment/duration.ts';
import { askedOf, gatherReport, lastReport, unknownReport } from '../shared/pipeline/report.ts';
import { listEnvironments } from '../shared/pipeline/common/declared-environments.ts';
import { rememberedEnvironments } from '../shared/pipeline/common/remembered-environments.ts';
import type { Ports } from '../shared/ports/ports.ts';
import { choosesClass } from '../shared/report/choice.ts';
import { renderHtml } from '../shared/report/html.ts';
import { renderMarkdown } from '../shared/report/markdown.ts';
import { renderText } from '../shared/report/plain.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { openFile } from './open-file.ts';

export interface ReportOptions {
  /** Milliseconds; absent: since the last report of that name, or a week. */
  readonly since?: number;
  readonly class: readonly string[];
  readonly environment: readonly string[];
  readonly label: Readonly<Record<string, string>>;
  readonly open?: boolean;
  readonly output: 'text' | 'json' | 'yaml' | 'html' | 'markdown';
}

/**
 * `converge report [NAME]`: made now and for whoever asks, kept and published nowhere. Exit code 1 where something
 * differs, was not looked at or cannot be read.
 */
export async function showReport(
  context: Context,
  name: string | undefined,
  options: ReportOptions,
): Promise<CommandResult> {
  const report = await makeNow(context, name, options);
  const { counts, unreadable } = report;
  const exit = counts.differing + counts.notLookedAt + unreadable.length === 0 ? 0 : 1;
  const unopened = options.open === true ? await openPage(context, report) : [];
  // What is written in another form is for whoever reads that alone.
  const isForPeople = options.output === 'text';
  if (!isForPeople) for (const { text } of unopened) context.progress(text);
  const opened = isForPeople ? unopened : [];
  return { exit, json: report, lines: [...linesOf(report, { output: options.output, exit }), ...opened] };
}

async function makeNow(context: Context, name: string | undefined, options: ReportOptions): Promise<Report> {
  const { config, ports, progress } = context;
  const configured = config.reports?.find((one) => one.name === name);
  if (name !== undefined && configured === undefined) throw unknownReport(name, config.reports ?? []);
  const said = configured === undefined ? undefined : askedOf(configured).chosen;
  const { class: classes, environment: environments, label: labels, since } = options;
  const chosen = {
    classes: classes.length > 0 ? [...classes] : (said?.classes ?? []),
    environments: environments.length > 0 ? [...environments] : (said?.environments ?? []),
    labels: Object.keys(labels).length > 0 ? { ...labels } : (said?.labels ?? {}),
  };
  progress('reading Git and what is remembered of each environment');
  const access = { ...ports, state: await context.open.state(), repository: await context.open.repository() };
  const repositoriesOf = Object.keys(config.repositories).filter((one) => choosesClass(chosen, one));
  if (environments.length > 0) await refuseUnknown(environments, repositoriesOf, access);
  const before = name === undefined ? {} : await lastReport(name, access);
  const repositories = Object.keys(config.repositories);
  const interval = parseDuration(config.checks.interval);
  return await gatherReport({ name: name ?? '', chosen, repositories, interval, since }, access, before);
}

/** What no environment is called is a typing error, and not a wish that all is well. What cannot be read, the report tells. */
async function refuseUnknown(
  patterns: readonly string[],
  classes: readonly string[],
  ports: Pick<Ports, 'repository' | 'state'>,
): Promise<void> {
  const known = new Set<string>();
  for (const repositoryClass of classes) {
    const repository = ports.repository(repositoryClass);
    try {
      const head = await repository.fetchHead();
      const declared = head === undefined ? [] : await listEnvironments({ repository, commit: head.id });
      const remembered = await rememberedEnvironments({ repository: repositoryClass, state: ports.state });
      for (const name of [...declared, ...remembered]) known.add(`${repositoryClass}/${name}`);
    } catch (error) {
      if (error instanceof ConvergeError) return;
      throw error;
    }
  }
  const names = [...known].toSorted();
  const missing = patterns.find(
    (pattern) =>
      !names.some((key) => [key, key.slice(key.indexOf('/') + 1)].some((text) => matchesPattern({ pattern, text }))),
  );
  if (missing === undefined) return;
  throw new CommandError({
    subject: `--environment ${missing}`,
    message: 'is no environment',
    remedy: `there are ${names.slice(0, mostNamed).join(', ') || 'none'}${names.length > mostNamed ? `, and ${names.length - mostNamed} more` : ''}`,
  });
}

const mostNamed = 20;

function linesOf(report: Report, { output, exit }: { output: ReportOptions['output']; exit: 0 | 1 }): Line[] {
  const render = { html: renderHtml, markdown: renderMarkdown, text: renderText, json: renderText, yaml: renderText }[
    output
  ];
  const lines = render(report).trimEnd().split('\n');
  if (output !== 'text') return lines.map((text) => ({ text, tone: 'plain' }));
  // Title, time, an empty line, and then whether all is well.
  const tones = new Map<number, Line['tone']>([
    [0, 'heading'],
    [3, exit === 0 ? 'good' : 'bad'],
  ]);
  return lines.map((text, index) => ({
    text,
    tone: tones.get(index) ?? (lines[index - 1] === '' && /^[A-Z]/.test(text) ? 'heading' : 'plain'),
  }));
}

/** The file stays when the command ends: whoever opens it may take a while. */
async function openPage({ environment, progress }: Context, report: Report): Promise<Line[]> {
  const file = join(await mkdtemp(join(tmpdir(), 'converge-report-')), 'report.html');
  await writeFile(file, renderHtml(report), { mode: 0o600 });
  progress(`opening ${file}`);
  const isOpen = await openFile(file, { platform: process.platform, environment });
  return isOpen ? [] : [{ text: `nothing here opens pages: see ${file}`, tone: 'detail' }];
}
