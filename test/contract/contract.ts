import { describe, it } from '@jest/globals';
import { lockNodeContract, type ContractSubject } from '../../src/node/index.js';

/** Runs the contract suite on a kind of node. */
export function describeContract(name: string, subject: ContractSubject): void {
  describe(name, () => {
    for (const { title, run } of lockNodeContract(subject)) it(title, run);
  });
}
