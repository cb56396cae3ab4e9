import { setAttendedTimer, type Clock } from '../../clock.js';
import { failed, type Failed } from '../../core/vote.js';

/** The answer of a node to a question, or a failure if it does not come in time. */
export function answerWithin<Answer>(
  clock: Clock,
  timeoutMs: number,
  answer: Promise<Answer | Failed | undefined>,
): Promise<Answer | Failed> {
  return new Promise((resolve) => {
    const timer = setAttendedTimer(
      clock,
      () => resolve(failed('timeout', new Error(`no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
    void answer.then((given) => {
      timer.cancel();
      resolve(given ?? failed('error', new Error('the node did not answer the question')));
    });
  });
}
