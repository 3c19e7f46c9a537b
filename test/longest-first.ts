import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes whatever their size says, by which vitest begins with the largest: the longest first. */
const longest = ['chaos', 'removal', 'rollback', 'neighbours', 'rollout', 'exchange', 'conformance'].map(
  (name) => `/e2e/${name}.test.ts`,
);

/** Begins with what would else be waited for alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((file) => moduleId.endsWith(file));
      return place === -1 ? longest.length : place;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}
