import type { Finding } from './finding.ts';

/** One test for each environment, failed by what is wrong with it, and one for each file that is wrong beside. */
export function junitOf({
  findings,
  environments,
}: {
  findings: readonly Finding[];
  environments: readonly string[];
}): string[] {
  const ofNone = [...new Set(findings.flatMap((one) => (one.environments.length === 0 ? [one.file] : [])))];
  const cases = [
    ...environments.map((name) => ({ name, failed: findings.filter((one) => one.environments.includes(name)) })),
    ...ofNone.map((name) => ({
      name,
      failed: findings.filter((one) => one.environments.length === 0 && one.file === name),
    })),
  ];
  const counts = `tests="${cases.length}" failures="${cases.filter(({ failed }) => failed.length > 0).length}" errors="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="converge validate" ${counts}>`,
    `  <testsuite name="environments" ${counts} skipped="0">`,
    ...cases.flatMap(({ name, failed }) => {
      const [first] = failed;
      const opening = `    <testcase classname="converge.validate" name="${escaped(name)}"`;
      if (first === undefined) return [`${opening}/>`];
      // A test has one failure in what reads JUnit's XML; its text holds them all.
      return [
        `${opening}>`,
        `      <failure type="${first.rule}" message="${escaped(lineOf(first))}">`,
        ...failed.map((finding) => escaped(lineOf(finding))),
        '      </failure>',
        '    </testcase>',
      ];
    }),
    '  </testsuite>',
    '</testsuites>',
  ];
}

/** `environments/acme.yaml:7: spec.namespce: unknown key [environment-file]` */
export function lineOf({ file, line, message, rule }: Finding): string {
  return `${file}${line === null ? '' : `:${line}`}: ${message} [${rule}]`;
}

/** XML 1.0 has no other control characters, and no halves of surrogate pairs. */
function escaped(text: string): string {
  return text
    .replace(/[^\n\P{Cc}]|[\uFFFE\uFFFF]|\p{Cs}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', ' ');
}
