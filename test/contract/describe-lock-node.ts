import { afterEach, beforeEach, describe } from '@jest/globals';
import { describeAcquire } from './acquire-claims.js';
import { describeHolding } from './hold-claims.js';
import { describeReleasing } from './release-claims.js';
import { describeWaiting } from './waiting-claims.js';
import { beginResources, Operations, type MakeSubject } from './subject.js';

/** The contract of the port in src/node/lock-node.ts. Every kind of node is held to it. */
export function describeLockNode(name: string, make: MakeSubject, { tagged = false } = {}): void {
  describe(`${name} as a lock node`, () => {
    let operations: Operations;
    const on = (): Operations => operations;
    beforeEach(async () => {
      beginResources(tagged);
      operations = new Operations(await make());
    });
    afterEach(() => operations.subject.end());

    describeAcquire(on);
    describeHolding(on);
    describeReleasing(on);
    describeWaiting(on);
  });
}
