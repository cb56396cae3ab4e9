import { describe, expect, it } from '@jest/globals';
import { repliesIn } from '../../../../src/node/redis/protocol/batch.js';

describe('the replies of the script', () => {
  it('are one for each operation, whether zeros are told one by one or as a run', () => {
    const held = [2, 1, 'owner', 10];
    expect(repliesIn([1_795_000, 0, [7, 3], held, 0, 5, [7, 2]], 2)).toEqual([0, 0, 0, held, 0, 5, 0, 0]);
    expect(repliesIn([1_795_000, 0], 2)).toEqual([]);
  });
});
