import { rules, type Finding } from './finding.ts';

/** Static Analysis Results Interchange Format 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
export function sarifOf({ findings, version }: { findings: readonly Finding[]; version: string }): unknown {
  const ids = Object.keys(rules);
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'converge validate',
            version,
            rules: Object.entries(rules).map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        originalUriBaseIds: { ROOT: { description: { text: 'The root of the checkout.' } } },
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ rule, level, message, file, line, environments }) => ({
          ruleId: rule,
          ruleIndex: ids.indexOf(rule),
          level,
          message: { text: environments.length === 0 ? message : `${message} (${environments.join(', ')})` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/'), uriBaseId: 'ROOT' },
                ...(line === null ? {} : { region: { startLine: line } }),
              },
            },
          ],
        })),
      },
    ],
  };
}
