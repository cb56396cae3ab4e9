import { describe, expect, it } from '@jest/globals';
import { shortageOf } from '../../../../src/node/redis/server/replication.js';

/** A connection to a server that answers like this. */
const serverThat = (answers: { readonly wait?: unknown; readonly onDisk?: unknown }) => {
  const asked: string[] = [];
  const answer = (value: unknown): Promise<unknown> =>
    value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
  return {
    asked,
    wait: (replicas: number, timeoutMs: number) => {
      asked.push(`WAIT ${replicas} ${timeoutMs}`);
      return answer(answers.wait);
    },
    waitOnDisk: (replicas: number, timeoutMs: number) => {
      asked.push(`WAITAOF 1 ${replicas} ${timeoutMs}`);
      return answer(answers.onDisk);
    },
  };
};

describe('what is missing of the copies of a grant', () => {
  it.each<readonly [string, unknown, string | undefined]>([
    ['nothing: the node and its replica have it on disk', [1, 1], undefined],
    ['nothing: more replicas have it than are asked for', [1, 2], undefined],
    ['the node itself', [0, 1], 'the node did not write it to disk within 50 ms'],
    ['a replica', [1, 0], 'only 0 of 1 replicas wrote it to disk within 50 ms'],
    ['all, where the answer is none', 'OK', 'the node did not write it to disk within 50 ms'],
    [
      'the command, on a server before 7.2',
      new Error("ERR unknown command 'WAITAOF', with args beginning with: '1' '1' '50'"),
      'acknowledge.onDisk needs WAITAOF, which this server does not know: Redis 7.2 or later has it',
    ],
  ])('on disk: %s', async (_, onDisk, expected) => {
    const server = serverThat({ onDisk });
    expect(await shortageOf(server, { replicas: 1, timeoutMs: 50, onDisk: true })).toBe(expected);
    expect(server.asked).toEqual(['WAITAOF 1 1 50']);
  });

  it('another error of the server is told as it is', async () => {
    const server = serverThat({
      onDisk: new Error('ERR WAITAOF cannot be used when appendonly is disabled'),
    });
    await expect(shortageOf(server, { replicas: 0, timeoutMs: 50, onDisk: true })).rejects.toThrow(
      'appendonly is disabled',
    );
  });

  it('in memory: the replicas are counted by WAIT', async () => {
    const [enough, few] = [serverThat({ wait: 2 }), serverThat({ wait: '1' })];
    const asked = { replicas: 2, timeoutMs: 50, onDisk: false };
    expect(await shortageOf(enough, asked)).toBeUndefined();
    expect(await shortageOf(few, asked)).toBe('only 1 of 2 replicas acknowledged it within 50 ms');
    expect(enough.asked).toEqual(['WAIT 2 50']);
  });
});
