import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { looksLikeConfig } from '../src/offer';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('what looks like an Olive config', () => {
  it.each([
    ['the example of 2024', read('examples/phrase-tone/olive-config.json')],
    ["today's example", read('examples/phrase-tone/olive-config.today.json')],
    ['one being written', '{"input_model": {"type": "HfModel"}, "passes": {'],
  ])('%s', (_, text) => expect(looksLikeConfig(text)).toBe(true));

  it.each([
    ['a manifest', read('extension/package.json')],
    ['a schema', read('schemas/olivine_schemas/olive-config.schema.json')],
    ['a model alone', '{"input_model": {"type": "HfModel"}}'],
    ['passes alone', '{"passes": {}}'],
    ['nothing', ''],
  ])('not %s', (_, text) => expect(looksLikeConfig(text)).toBe(false));
});
