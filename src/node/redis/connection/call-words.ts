import type { Command, ScriptCall } from '../protocol/script-call.js';

/**
 * The words of a prepared call, for a library that writes commands down by itself. It is read from the bytes
 * that go out elsewhere, so that there is one place where a call is put together.
 */
export function wordsOf(call: ScriptCall, command: Command): string[] {
  const encoded = call.encode(command);
  // Lengths are those of bytes. In latin1 each byte is one character.
  const isPlain = typeof encoded === 'string' && Buffer.byteLength(encoded) === encoded.length;
  const text = isPlain ? encoded : Buffer.from(encoded).toString('latin1');
  const words: string[] = [];
  for (let at = text.indexOf('$'); at >= 0 && at < text.length;) {
    const begin = text.indexOf('\r', at) + 2;
    const end = begin + Number(text.slice(at + 1, begin - 2));
    const word = text.slice(begin, end);
    words.push(isPlain ? word : Buffer.from(word, 'latin1').toString());
    at = end + 2;
  }
  return words;
}
